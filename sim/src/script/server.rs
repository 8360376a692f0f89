//! The server and the clients as a story's setting wants them.

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{
    auth::{Authority, Secret},
    dialect::{self, Client, agora, sparkrtc},
    id::{AppId, RoomId, UserId},
    role::Role,
    room::{self, Duplicates},
    service::{App, Config, Guard, Roles, RoomKey, RoomNames, ServerCall, UserScope},
    session,
    time::{Instant, UnixSeconds},
    wire::LeaveReason,
};

use super::story::{self, Dialect, DuplicateUser, ServerDeed, ServerOperation, Setting};

/// The service of a story.
pub(super) fn config(setting: &Setting) -> Result<Config, String> {
    let mut config = Config::new(UnixSeconds(setting.start_unix_s));
    let roles = roles(setting)?;
    for app in &setting.apps {
        let id = AppId::new(&app.app_id).map_err(|error| format!("\"apps\": {error}"))?;
        if config.apps.insert(id, app_of(setting, app, &roles)?).is_some() {
            return Err(format!("\"apps\": {:?} stands there twice", app.app_id));
        }
    }
    config.room = room_config(setting, config.room.clone());
    config.guard = if setting.rate_limits { Guard::Enforced } else { Guard::Off };
    Ok(config)
}

fn app_of(setting: &Setting, app: &story::App, roles: &Roles) -> Result<App, String> {
    let secret = |text: &str| Secret::new(text.as_bytes());
    let authority = match (setting.dialect, &app.app_key, &app.app_certificate) {
        (_, None, None) => Authority::Open,
        (Dialect::SparkRtc, Some(key), None) => Authority::Signature { key: secret(key) },
        (Dialect::Agora, None, Some(certificate)) => Authority::ChannelKey { certificate: secret(certificate) },
        (Dialect::SparkRtc, ..) => {
            return Err(format!("\"apps\": {:?} has an app_certificate; SparkRTC's apps have an app_key", app.app_id));
        }
        (Dialect::Agora, ..) => return Err(format!("\"apps\": {:?} has an app_key; Agora's apps have an app_certificate", app.app_id)),
    };
    let (room_names, users, assigns_users) = match setting.dialect {
        Dialect::SparkRtc => (RoomNames::SparkRtc, UserScope::App, false),
        Dialect::Agora => (RoomNames::Agora, UserScope::Room, true),
    };
    let mut made = App::new(authority);
    made.roles = roles.clone();
    made.room_names = room_names;
    made.users = users;
    made.key_grace = setting.signature_grace_ms.map(Duration::from_millis).or(made.key_grace);
    made.assigns_users = assigns_users;
    Ok(made)
}

fn roles(setting: &Setting) -> Result<Roles, String> {
    let mut of = BTreeMap::new();
    for (user, role) in &setting.roles {
        let user = UserId::new(user).map_err(|error| format!("\"roles\": {error}"))?;
        of.insert(user, if role == "player" { Role::Player } else { Role::Joiner });
    }
    Ok(Roles { of, ..Roles::everyone(Role::Joiner) })
}

fn room_config(setting: &Setting, base: room::Config) -> room::Config {
    let base = match setting.dialect {
        Dialect::SparkRtc => sparkrtc::room_config(base.id),
        Dialect::Agora => agora::room_config(base.id),
    };
    let mut config = base;
    config.members_max = setting.room_capacity;
    config.reconnect_window = Duration::from_millis(setting.reconnect_window_ms);
    config.hide_players = setting.hide_players;
    config.key_grace = setting.signature_grace_ms.map_or(config.key_grace, Duration::from_millis);
    config.one_share = setting.one_share.unwrap_or(config.one_share);
    config.duplicates = match setting.duplicate_user {
        Some(DuplicateUser::Newest) => Duplicates::NewestStays,
        Some(DuplicateUser::Oldest) => Duplicates::OldestStays,
        None => config.duplicates,
    };
    config
}

/// A client of a story; `number` counts them, so that no two wait alike before they try again.
pub(super) fn client(now: Instant, setting: &Setting, number: usize) -> Client {
    let mut session = session::Config::default();
    session.connect_timeout = Duration::from_millis(setting.connect_timeout_ms);
    session.response_timeout = Duration::from_millis(setting.response_timeout_ms);
    session.reconnect_window = Duration::from_millis(setting.reconnect_window_ms);
    session.seed = number as u64;
    match setting.dialect {
        Dialect::SparkRtc => {}
        Dialect::Agora => session.lost_after = Some(Duration::from_millis(setting.connection_lost_ms)),
    }
    let settings =
        dialect::Settings { session, strict: setting.strict, auto_capture: setting.auto_capture, ..dialect::Settings::default() };
    match setting.dialect {
        Dialect::SparkRtc => Client::SparkRtc(Box::new(sparkrtc::Client::new(now, settings))),
        Dialect::Agora => Client::Agora(Box::new(agora::Client::new(now, settings))),
    }
}

/// A call of the server, and its name in a story.
pub(super) fn call(deed: &ServerDeed) -> Result<(&'static str, ServerCall), String> {
    let app = AppId::new(&deed.app).map_err(|error| format!("\"appId\": {error}"))?;
    let id = RoomId::new(&deed.room).map_err(|error| format!("\"roomId\": {error}"))?;
    let room = RoomKey { app, room: id };
    let user = || match &deed.user {
        Some(user) => UserId::new(user).map_err(|error| format!("\"userId\": {error}")),
        None => Err("\"userId\" is missing; it is a text".to_owned()),
    };
    Ok(match deed.call {
        ServerOperation::DissolveRoom => ("dissolveRoom", ServerCall::DissolveRoom { room }),
        ServerOperation::RemoveUser => ("removeUser", ServerCall::RemoveUser { room, user: user()? }),
        ServerOperation::PauseRoom => ("pauseRoom", ServerCall::PauseRoom { room }),
        ServerOperation::ResumeRoom => ("resumeRoom", ServerCall::ResumeRoom { room }),
        ServerOperation::LoseUser => {
            let reason = LeaveReason(deed.reason.unwrap_or(LeaveReason::INTERNAL.0));
            ("loseUser", ServerCall::Fault { room, user: user()?, reason })
        }
        ServerOperation::InvalidateKey => ("invalidateKey", ServerCall::KeyInvalid { room, user: user()? }),
    })
}
