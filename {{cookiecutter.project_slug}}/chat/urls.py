from django.urls import path

from chat import files, views

app_name = "chat"

urlpatterns = [
    path("", views.home, name="home"),
    path("rooms/new/", views.create, name="create"),
    path("rooms/<slug:slug>/", views.room, name="room"),
    path("rooms/<slug:slug>/messages/", views.post, name="post"),
    path("rooms/<slug:slug>/attachments/", files.upload, name="upload"),
    path("rooms/<slug:slug>/settings/", views.settings, name="settings"),
    path("rooms/<slug:slug>/archive/", views.archive, name="archive"),
    path("rooms/<slug:slug>/transfer/", views.transfer, name="transfer"),
    path("rooms/<slug:slug>/delete/", views.delete, name="delete"),
    path("rooms/<slug:slug>/link/", views.change_link, name="change_link"),
    path("rooms/<slug:slug>/join/", views.join, name="join"),
    path("rooms/<slug:slug>/leave/", views.leave, name="leave"),
    path("rooms/<slug:slug>/invite/", views.invite, name="invite"),
    path("rooms/<slug:slug>/accept/", views.accept, name="accept"),
    path("rooms/<slug:slug>/decline/", views.decline, name="decline"),
    path("rooms/<slug:slug>/<str:username>/withdraw/", views.withdraw, name="withdraw"),
    path("rooms/<slug:slug>/<str:username>/remove/", views.remove, name="remove"),
    path("rooms/<slug:slug>/<str:username>/lift-ban/", views.lift_ban, name="lift_ban"),
    path("rooms/<slug:slug>/<str:username>/role/", views.role, name="role"),
    path("attachments/<uuid:pk>/", files.attachment, name="attachment"),
    path("attachments/<uuid:pk>/thumbnail/", files.thumbnail, name="thumbnail"),
    path("join/<str:code>/", views.link, name="link"),
    path("people/", views.people, name="people"),
    path("search/", views.search, name="search"),
    path("direct/<str:username>/", views.direct, name="direct"),
]
