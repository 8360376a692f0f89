//! The way in: who may enter, come back, take another role, or stay longer.

use alloc::string::ToString;

use super::{App, Guard, RoomKey, Service, UserScope, relay::Assigned};
use crate::{
    auth::{self, Claim, Credential, Grant, Purpose, Refusal},
    code::Code,
    id::{AppId, MemberId, RequestId, SessionId, UserId},
    member::{Key, Member},
    role::Role,
    room::{self, Admission},
    time::{Instant, UnixSeconds},
    wire::{ClientFrame, ClientMessage, ServerMessage, Versions},
};

/// Who a credential is for that was made before its user had an id.
const NOBODY: &str = "0";

/// A join that may be: what the room is to be told, and what was shown where the service chose the user's id.
struct Pass {
    room: RoomKey,
    admission: Admission,
    assigned: Option<Assigned>,
}

impl Service {
    /// Lets a user in, as a newcomer or back.
    pub(super) fn join(&mut self, session: SessionId, request: RequestId, join: ClientMessage) {
        if self.seat(session).is_some() {
            return self.refuse(session, request, Code::ALREADY_IN_ROOM);
        }
        match self.examine(session, join) {
            Ok(pass) => self.admit(session, request, pass),
            Err(code) => {
                self.refuse(session, request, code);
                self.note_failure(session, code);
            }
        }
    }

    /// Whether a join may be. Changes nothing.
    fn examine(&self, session: SessionId, join: ClientMessage) -> Result<Pass, Code> {
        let ClientMessage::Join { versions, app, room, user, name, role, resumes, media, credential, relay, audio_mode } = join else {
            unreachable!("only joins come here");
        };
        let user = user.filter(|user| user.as_str() != NOBODY || !self.app(app.as_ref()).is_some_and(|(_, app)| app.assigns_users));
        let found = self.app(app.as_ref());
        let key = |app: &AppId| RoomKey { app: app.clone(), room: room.clone() };
        let comes_back = match (found, &user, resumes) {
            (Some((app, _)), Some(user), Some(stay)) => self.stays(&key(app), user, stay),
            _ => false,
        };
        let source = self.connections.get(session).ok_or(Code::INTERNAL)?.source;
        if self.config.guard == Guard::Enforced && !comes_back && self.failures.block(self.now, source) {
            return Err(Code::TOO_MANY_FAILURES);
        }

        let purpose = if resumes.is_some() { Purpose::Rejoin } else { Purpose::Join };
        let Some((app_id, app)) = found else {
            let nobodys = app.unwrap_or_else(|| AppId::new("-").expect("a valid id"));
            let claim = Claim { app: &nobodys, room: room.as_str(), user: user.as_ref().map_or(NOBODY, UserId::as_str) };
            return Err(code_of(auth::check_unknown_app(claim, credential.as_ref(), purpose, self.date())));
        };
        if !app.room_names.allow(&room) {
            return Err(Code::ROOM_NAME_REFUSED);
        }
        let key = key(app_id);
        let (user, assigned) = match user {
            Some(user) => (user, false),
            None if app.assigns_users && resumes.is_none() => (self.unused_user(app_id), true),
            None => return Err(Code::BAD_REQUEST),
        };
        // Whoever was given its id shows what it showed then.
        let nobody = assigned || self.presences.assigned(&key, &user).is_some_and(|before| resumes.is_some() && before.shown == credential);
        let claim = Claim { app: app_id, room: room.as_str(), user: if nobody { NOBODY } else { user.as_str() } };
        let mut grant = app.authority.check(claim, credential.as_ref(), purpose, self.date());
        if grant == Err(Refusal::Expired) && resumes.is_some_and(|stay| self.grace_runs(&key, stay, &user)) {
            grant = self.check_as_of_a_grace_ago(app, claim, credential.as_ref(), purpose);
        }
        let mut key_until = self.end_of(grant.map_err(code_of)?);
        if let Some(stay) = resumes {
            if self.rooms.was_dissolved(&key, stay) {
                return Err(Code::DISSOLVED);
            }
            // Role and rooms are what they were. Whether the stay goes on, the room decides.
            let stay = self.rooms.get(&key).ok_or(Code::SESSION_GONE)?.member_of(&user);
            key_until = stay.map_or(key_until, |stay| later(stay.key, key_until));
        } else {
            if !app.roles.allow(&user, role) {
                return Err(Code::ROLE_REFUSED);
            }
            // The room would find this, too, but an idle one would have made place for it by then.
            versions.agree(Versions::SUPPORTED).ok_or(Code::BAD_REQUEST)?;
            match app.users {
                UserScope::App => self.examine_relay(&key, &user, role, relay)?,
                UserScope::Room => {}
            }
        }
        let admission = Admission { versions, user, assigned, name, role, resumes, media, audio_mode, key_until };
        Ok(Pass { room: key, admission, assigned: assigned.then_some(Assigned { shown: credential }) })
    }

    fn grace_runs(&self, key: &RoomKey, stay: MemberId, user: &UserId) -> bool {
        self.rooms.get(key).is_some_and(|room| room.grace_runs(stay, user))
    }

    /// Checks a credential that has expired to come back with while the stay's grace runs: it is the stay's own, or as good, if it was still good a grace ago. Older ones, of which others
    /// may have come by, stay refused.
    fn check_as_of_a_grace_ago(
        &self,
        app: &App,
        claim: Claim<'_>,
        credential: Option<&Credential>,
        purpose: Purpose,
    ) -> Result<Grant, Refusal> {
        let grace = self.config.key_grace(app);
        let grace_secs = grace.as_secs() + u64::from(grace.subsec_nanos() > 0); // dates have whole seconds
        let (date, ago) = (self.date(), UnixSeconds(self.date().0.saturating_sub(grace_secs)));
        let grant = app.authority.check(claim, credential, purpose, ago);
        // What has no end, but was issued too long ago, does not become good by a stay's going on.
        grant.ok().filter(|grant| grant.is_over(date)).ok_or(Refusal::Expired)
    }

    /// Whether a user may enter a room beside those that it is in. Entering one that it is in already takes the place of that stay, unless it means to relay.
    fn examine_relay(&self, key: &RoomKey, user: &UserId, role: Role, relay: bool) -> Result<(), Code> {
        let rooms = self.presences.rooms(&key.app, user);
        let there = rooms.contains(&key.room);
        if there && relay {
            return Err(Code::RELAYED_ALREADY);
        }
        if !there && rooms.len() > self.config.relay_rooms {
            return Err(Code::TOO_MANY_RELAYS);
        }
        if role.may_publish() && self.joins_elsewhere(key, user) {
            return Err(Code::JOINER_ELSEWHERE);
        }
        Ok(())
    }

    fn admit(&mut self, session: SessionId, request: RequestId, pass: Pass) {
        let Pass { room: key, admission, assigned } = pass;
        let user = admission.user.clone();
        if admission.resumes.is_none() && !self.begin_room(&key) {
            return self.refuse(session, request, Code::TOO_MANY_ROOMS);
        }
        self.tell_room(&key, room::Input::Admit { session, request, admission });
        let stay = self.rooms.get(&key).and_then(|room| room.member_of(&user));
        let Some(stay) = stay.filter(|stay| stay.presence.session() == Some(session)).map(|stay| stay.id) else {
            return; // the room refused
        };
        if let Some(Assigned { shown }) = assigned {
            self.presences.assign(&key, &user, shown);
            let given: Option<u32> = user.as_str().parse().ok();
            self.next_user = given.and_then(|given| given.checked_add(1)).unwrap_or(1);
        }
        self.connections.seat(session, key, stay);
    }

    /// A member takes another role, with a fresh credential where its app has any. That one then takes the place of the one before.
    pub(super) fn switch_role(&mut self, session: SessionId, request: RequestId, role: Role, credential: Option<Credential>) {
        let Some((key, member)) = self.seat(session) else {
            return self.refuse(session, request, Code::NOT_IN_ROOM);
        };
        let (key, user) = (key.clone(), member.user.clone());
        match self.examine_switch(&key, member, role, credential.as_ref()) {
            Ok(key_until) => {
                self.presences_showed(&key, &user, credential);
                // The room answers each of the two. The client asked once.
                let answer = |output: &room::Output| match output {
                    room::Output::Send {
                        message: ServerMessage::Accepted { request: to, .. } | ServerMessage::Refused { request: to, .. },
                        ..
                    } => *to == request,
                    _ => false,
                };
                self.tell_room_quietly(&key, room::Input::Renewed { session, request, key_until }, answer);
                self.pass_on(session, ClientFrame { request, message: ClientMessage::SwitchRole { role, credential: None } });
            }
            Err(code) => {
                self.refuse(session, request, code);
                self.note_bad_key(session, code);
            }
        }
    }

    fn examine_switch(&self, key: &RoomKey, member: &Member, role: Role, credential: Option<&Credential>) -> Result<Option<Instant>, Code> {
        let (app, key_until) = self.examine_again(key, member, credential, Purpose::SwitchRole)?;
        if !app.roles.allow(&member.user, role) {
            return Err(Code::ROLE_REFUSED);
        }
        if app.users == UserScope::App && role.may_publish() && self.joins_elsewhere(key, &member.user) {
            return Err(Code::JOINER_ELSEWHERE);
        }
        Ok(key_until)
    }

    /// A member shows a new credential. A bad one changes nothing.
    pub(super) fn renew(&mut self, session: SessionId, request: RequestId, credential: &Credential) {
        let Some((key, member)) = self.seat(session) else {
            return self.refuse(session, request, Code::NOT_IN_ROOM);
        };
        let (key, user) = (key.clone(), member.user.clone());
        match self.examine_again(&key, member, Some(credential), Purpose::Renew) {
            Ok((_, key_until)) => {
                self.presences_showed(&key, &user, Some(credential.clone()));
                self.tell_room(&key, room::Input::Renewed { session, request, key_until });
            }
            Err(code) => {
                self.refuse(session, request, code);
                self.note_bad_key(session, code);
            }
        }
    }

    /// Checks what a member shows, and tells until when its key is good from then on: never less long than before.
    fn examine_again(
        &self,
        key: &RoomKey,
        member: &Member,
        shown: Option<&Credential>,
        purpose: Purpose,
    ) -> Result<(&App, Option<Instant>), Code> {
        let app = self.config.apps.get(&key.app).ok_or(Code::UNKNOWN_APP)?;
        let claim = Claim { app: &key.app, room: key.room.as_str(), user: member.user.as_str() };
        let mut grant = app.authority.check(claim, shown, purpose, self.date());
        if grant.is_err() && self.presences.assigned(key, &member.user).is_some() {
            grant = app.authority.check(Claim { user: NOBODY, ..claim }, shown, purpose, self.date());
        }
        Ok((app, later(member.key, self.end_of(grant.map_err(code_of)?))))
    }

    /// Notes what a user with a chosen id has to show from now on to come back.
    fn presences_showed(&mut self, key: &RoomKey, user: &UserId, shown: Option<Credential>) {
        if self.presences.assigned(key, user).is_some() {
            self.presences.assign(key, user, shown);
        }
    }

    /// A join failed: its source and its connection answer for it if a key was bad.
    fn note_failure(&mut self, session: SessionId, code: Code) {
        if is_bad_key(code)
            && let Some(connection) = self.connections.get(session)
        {
            self.failures.note(self.now, connection.source);
        }
        self.note_bad_key(session, code);
    }

    fn note_bad_key(&mut self, session: SessionId, code: Code) {
        if is_bad_key(code) || code == Code::TOO_MANY_FAILURES {
            self.strike(session, Code::TOO_MANY_FAILURES);
        }
    }

    /// The app of that name, or the only one there is.
    fn app(&self, name: Option<&AppId>) -> Option<(&AppId, &App)> {
        match name {
            Some(name) => self.config.apps.get_key_value(name),
            None => self.config.apps.first_key_value().filter(|_| self.config.apps.len() == 1),
        }
    }

    /// A number in decimal that nobody in the app has, counting on from the last one that was given: who was away for too long shall not find its number with somebody else.
    /// Numbers that users took by themselves are stepped over, once; there are no more of those than users.
    fn unused_user(&self, app: &AppId) -> UserId {
        let numbers = (self.next_user..=u32::MAX).chain(1..self.next_user);
        let mut users = numbers.map(|number| UserId::new(&number.to_string()).expect("digits are a valid id"));
        users.find(|user| self.presences.rooms(app, user).is_empty()).expect("there are fewer users than numbers")
    }

    /// The date.
    fn date(&self) -> UnixSeconds {
        self.config.clock.saturating_add(self.now.saturating_since(Instant::ZERO))
    }

    /// The last instant at which a credential is good: the end of its last second.
    fn end_of(&self, grant: Grant) -> Option<Instant> {
        let after = Instant::from_secs(grant.until?.0.saturating_add(1).saturating_sub(self.config.clock.0));
        Some(Instant::from_nanos(after.as_nanos().saturating_sub(1)))
    }
}

/// Until when a key is good after another one was shown: no credential shortens a stay, or an old one that is shown again would.
fn later(before: Key, until: Option<Instant>) -> Option<Instant> {
    match before {
        Key::Endless => None,
        Key::Good { until: before } => until.map(|until| until.max(before)),
        Key::Refused { .. } => until,
    }
}

/// What a peer is told whose credential is not accepted.
const fn code_of(refusal: Refusal) -> Code {
    match refusal {
        Refusal::Expired => Code::KEY_EXPIRED,
        Refusal::UnknownApp => Code::UNKNOWN_APP,
        Refusal::Missing | Refusal::Malformed | Refusal::TooLong | Refusal::Invalid | Refusal::Earlier => Code::KEY_INVALID,
    }
}

/// Whether a failure is one of guessing: what a good client meets once and a bad one over and over.
const fn is_bad_key(code: Code) -> bool {
    matches!(code, Code::KEY_INVALID | Code::KEY_EXPIRED | Code::UNKNOWN_APP)
}
