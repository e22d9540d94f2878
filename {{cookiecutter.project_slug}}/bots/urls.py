from django.urls import path

from bots import views

app_name = "bots"

urlpatterns = [
    path("rooms/<slug:slug>/bots/", views.room, name="room"),
    path("rooms/<slug:slug>/bots/add/", views.add, name="add"),
    path("rooms/<slug:slug>/bots/<int:pk>/", views.change, name="change"),
    path("hooks/<str:secret>/", views.hook, name="hook"),
]
