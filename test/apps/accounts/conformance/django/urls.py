from django.urls import include, path
from rest_framework.routers import DefaultRouter
from rest_framework_simplejwt.views import TokenBlacklistView

from things.views import ThingViewSet

router = DefaultRouter()
router.register("projects", ThingViewSet, basename="project")

urlpatterns = [
    path("api/auth/", include("djoser.urls")),
    path("api/auth/", include("djoser.urls.jwt")),
    path("api/auth/", include("djoser.urls.authtoken")),
    path("api/auth/jwt/logout/", TokenBlacklistView.as_view()),
    path("api/", include(router.urls)),
]
