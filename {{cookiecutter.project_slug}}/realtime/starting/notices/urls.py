from django.urls import path

from realtime.starting.notices import views

app_name = "notices"

urlpatterns = [
    path("notices/", views.index, name="index"),
    path("notices/<slug:slug>/", views.page, name="page"),
]
