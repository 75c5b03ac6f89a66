"""Every path of the product begins here."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.generic import RedirectView

from botaccounts import health, metrics
from credentials.views.authorize import callback
from organizations.person_views import AcceptInvitation, ChangePassword
from organizations.views import SignIn

urlpatterns = [
    path("api/v1/", include("credentials.api.urls")),  # first: asked for most
    path("", RedirectView.as_view(pattern_name="organizations:list")),
    path("accounts/login/", SignIn.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("accounts/password/", ChangePassword.as_view(), name="password"),
    path("accounts/invitation/<uidb64>/<token>/", AcceptInvitation.as_view(), name="invitation"),
    path("organizations/", include("organizations.urls")),
    path("", include("credentials.urls")),
    path("oauth2/callback/<uuid:credential_id>/", callback, name="oauth2-callback"),
    path("admin/", admin.site.urls),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", metrics.metrics, name="metrics"),
]

handler400 = "botaccounts.refused.bad_request"
handler500 = "botaccounts.unavailable.server_error"
