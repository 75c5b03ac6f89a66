"""URLs of the sandbox resource: its pages, its OAuth endpoints under /o/, its metadata and its API."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from oauth2_provider import views as toolkit

from botaccounts.sandbox import api, views

oauth_patterns = [
    path(
        ".well-known/oauth-authorization-server",
        toolkit.OAuthServerMetadataView.as_view(),
        name="oauth-server-metadata",
    ),
    path(
        ".well-known/openid-configuration",
        views.OpenIdConfiguration.as_view(),
        name="oidc-connect-discovery-info",
    ),
    path("o/.well-known/jwks.json", toolkit.JwksInfoView.as_view(), name="jwks-info"),
    path("o/userinfo/", toolkit.UserInfoView.as_view(), name="user-info"),
    path("o/authorize/", views.Authorize.as_view(), name="authorize"),
    path("o/token/", views.Token.as_view(), name="token"),
    path("o/revoke_token/", toolkit.RevokeTokenView.as_view(), name="revoke-token"),
    path("o/introspect/", toolkit.IntrospectTokenView.as_view(), name="introspect"),
    path("o/applications/", toolkit.ApplicationList.as_view(), name="list"),
    path("o/applications/register/", views.RegisterApplication.as_view(), name="register"),
    path("o/applications/<slug:pk>/", toolkit.ApplicationDetail.as_view(), name="detail"),
    path("o/applications/<slug:pk>/update/", views.UpdateApplication.as_view(), name="update"),
    path("o/applications/<slug:pk>/delete/", toolkit.ApplicationDelete.as_view(), name="delete"),
    path("o/authorized_tokens/", toolkit.AuthorizedTokensListView.as_view(), name="authorized-token-list"),
    path(
        "o/authorized_tokens/<slug:pk>/delete/",
        toolkit.AuthorizedTokenDeleteView.as_view(),
        name="authorized-token-delete",
    ),
]

urlpatterns = [
    path("", views.home, name="home"),
    path("health/live", views.live, name="live"),
    path("accounts/login/", LoginView.as_view(template_name="sandbox/login.html"), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("api/orders", api.Orders.as_view(), name="orders"),
    path("api/orders/<slug:number>", api.Order.as_view(), name="order"),
    path("api/echo", api.Echo.as_view(), name="echo"),
    path("", include((oauth_patterns, "oauth2_provider"))),
]
