from django.urls import path

from realtime.starting.boards import views

app_name = "boards"

urlpatterns = [
    path("boards/", views.index, name="index"),
    path("boards/<slug:slug>/", views.page, name="page"),
]
