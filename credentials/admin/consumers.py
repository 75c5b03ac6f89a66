"""Consumers in the Django admin: their identity provider, their tokens and their challenges, without a secret."""

from django.contrib import admin

from credentials.admin.unsealed import UnsealedAdmin
from credentials.models import ConsumerChallenge, ConsumerIdentityProvider, ConsumerToken, ConsumerTokenAttempt


@admin.register(ConsumerIdentityProvider)
class ConsumerIdentityProviderAdmin(UnsealedAdmin):
    fields = ["account", "display_name", "issuer", "flow", "use_pkce", "authorization_endpoint", "token_endpoint"]
    fields += ["client_id", "verification", "jwks_url", "public_key", "version", "updated_at", "updated_by"]
    list_display = ["account", "display_name", "issuer", "flow", "updated_at"]
    ordering = ["account"]
    search_fields = ["=account__number", "issuer"]


@admin.register(ConsumerToken)
class ConsumerTokenAdmin(UnsealedAdmin):
    fields = ["id", "account", "organization", "subject", "token_type", "scope", "obtained_at", "expires_at"]
    fields += ["last_used_at", "generation", "lease_until", "failures", "last_error", "last_error_at"]
    list_display = ["subject", "account", "organization", "expires_at", "failures"]
    list_select_related = ["account", "organization"]
    ordering = ["expires_at"]
    search_fields = ["=subject", "=id"]


@admin.register(ConsumerTokenAttempt)
class ConsumerTokenAttemptAdmin(UnsealedAdmin):
    fields = ["id", "token", "account", "grant", "generation", "state", "error", "started_at", "finished_at"]
    list_display = ["started_at", "token", "account", "state", "error"]
    ordering = ["-started_at"]
    search_fields = ["=token__id"]


@admin.register(ConsumerChallenge)
class ConsumerChallengeAdmin(UnsealedAdmin):
    fields = ["id", "credential", "organization", "conversation", "subject", "confirm", "status", "error"]
    fields += ["authenticated_subject", "token_expires_at", "created_at", "expires_at", "finished_at"]
    list_display = ["created_at", "credential", "organization", "status", "error"]
    list_select_related = ["credential", "organization"]
    ordering = ["-created_at"]
    search_fields = ["=id", "=credential__id", "=conversation"]
