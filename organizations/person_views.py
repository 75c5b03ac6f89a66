"""The pages of a person, whatever organization they are in: accepting an invitation, and changing their password."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordChangeView, PasswordResetConfirmView
from django.db import transaction
from django.http import HttpResponse
from django.urls import reverse_lazy

from organizations import audit, invitations
from organizations.audit import Actor


class AcceptInvitation(PasswordResetConfirmView):
    """Sets the first password and signs in. Opening the link changes nothing; only its button does."""

    template_name = "registration/invitation.html"
    token_generator = invitations.tokens
    post_reset_login = True
    post_reset_login_backend = "django.contrib.auth.backends.ModelBackend"
    success_url = reverse_lazy("organizations:list")

    def get_user(self, uidb64: str) -> User | None:
        """Somebody who is invited, not disabled, and still a member of something."""
        user = super().get_user(uidb64)
        if not isinstance(user, User) or not user.is_active or not invitations.pending_of(user):
            return None
        return user if invitations.memberships_of(user).exists() else None

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            if not invitations.accept(form.user):
                return self.render_to_response(self.get_context_data(form=form, validlink=False))
            answer: HttpResponse = super().form_valid(form)
        messages.success(self.request, "Your password is set. Next time, sign in with it.")
        return answer


class ChangePassword(PasswordChangeView):
    """Asks for the old one. Other sessions of the person end; this one goes on."""

    template_name = "registration/password.html"
    success_url = reverse_lazy("organizations:list")

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            answer: HttpResponse = super().form_valid(form)
            user = self.request.user
            assert isinstance(user, User)  # noqa: S101 - the view wants somebody who is signed in
            actor = Actor.for_user(user)
            audit.record(
                None, actor, "user.password_changed", object_type="user", object_id=actor.id, object_label=actor.label
            )
        messages.success(self.request, "Your password is changed.")
        return answer
