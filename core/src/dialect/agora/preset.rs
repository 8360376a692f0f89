//! What Agora's document makes of the settings that are left open elsewhere.

use core::time::Duration;

use crate::{
    auth::{Authority, Secret},
    id::RoomId,
    limits,
    room::{self, Duplicates},
    service::{self, App, RoomNames, UserScope},
    session::{self, AfterWindow},
    time::UnixSeconds,
};

/// How long an interruption lasts before it is told as a loss: the printed default.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// A session as Agora's clients have it: a lookup before the connection, joins that are tried again with a warning, a loss that is told after ten seconds, and attempts until the
/// application leaves. Spans that `base` sets stay as they are there.
pub fn session_config(base: session::Config) -> session::Config {
    session::Config {
        after_window: AfterWindow::KeepTrying,
        lost_after: base.lost_after.or(Some(LOST_AFTER)),
        lookup_timeout: base.lookup_timeout.or(Some(limits::CONNECT_TIMEOUT)),
        retry_join: true,
        ..base
    }
}

/// A room as Agora's channels are: whoever is in keeps the uid, and whoever's service has ended is out at that second.
pub fn room_config(id: RoomId) -> room::Config {
    room::Config { duplicates: Duplicates::OldestStays, key_grace: Duration::ZERO, ..room::Config::new(id) }
}

/// A service with such rooms, and without an [`app`] yet. `clock` is the date at the beginning of time.
pub fn service_config(clock: UnixSeconds) -> service::Config {
    let config = service::Config::new(clock);
    service::Config { room: room_config(config.room.id.clone()), ..config }
}

/// An app: with an App Certificate users enter by channel key, without one the App ID suffices. Channels have Agora's names, and uids that are not given are chosen.
pub fn app(certificate: Option<Secret>) -> App {
    let authority = certificate.map_or(Authority::Open, |certificate| Authority::ChannelKey { certificate });
    App { room_names: RoomNames::Agora, users: UserScope::Room, assigns_users: true, ..App::new(authority) }
}

#[cfg(test)]
mod tests {
    use super::*;

    //
    #[test]
    fn a_span_that_was_set_stays() {
        let config = session_config(session::Config::default());
        assert_eq!((config.lost_after, config.after_window), (Some(Duration::from_secs(10)), AfterWindow::KeepTrying));
        let patient = session::Config { lost_after: Some(Duration::from_secs(3)), ..session::Config::default() };
        assert_eq!(session_config(patient).lost_after, Some(Duration::from_secs(3)));
    }
}
