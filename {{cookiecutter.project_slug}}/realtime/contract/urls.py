from django.urls import path

from realtime.contract import views

app_name = "contract"
urlpatterns = [
    path("", views.index, name="index"),
    path("asyncapi.json", views.asyncapi, name="asyncapi"),
    path("realtime.d.ts", views.types, name="types"),
]
