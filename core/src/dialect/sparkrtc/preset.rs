//! What SparkRTC's document makes of the settings that are left open elsewhere.

use crate::{
    id::RoomId,
    limits,
    room::{self, Duplicates},
    service,
    session::{self, AfterWindow},
    time::UnixSeconds,
};

/// A session as SparkRTC's clients have it: its first connection is tried once, and it gives up when the reconnect window is over. The spans are those of `base`: the
/// vendor prints none.
pub fn session_config(base: session::Config) -> session::Config {
    session::Config { after_window: AfterWindow::GiveUp, lost_after: None, lookup_timeout: None, retry_join: false, ..base }
}

/// A room as SparkRTC's are: a newcomer displaces an older session of the same user, one member at a time shares a screen (R-086, C-46), and a member may stay for a while after its
/// signature expired.
pub fn room_config(id: RoomId) -> room::Config {
    room::Config { duplicates: Duplicates::NewestStays, one_share: true, key_grace: limits::KEY_GRACE, ..room::Config::new(id) }
}

/// A service with such rooms, and without an app yet. Apps are made with [`service::App::new`] and a signature's authority, which brings the names that SparkRTC's rooms may have.
pub fn service_config(clock: UnixSeconds) -> service::Config {
    let config = service::Config::new(clock);
    service::Config { room: room_config(config.room.id.clone()), ..config }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    // R-022 R-047 R-064 R-086
    #[test]
    fn sparkrtc_gives_up_displaces_and_has_one_share() {
        let patient = session::Config {
            reconnect_window: Duration::from_secs(90),
            after_window: AfterWindow::KeepTrying,
            ..session::Config::default()
        };
        let session = session_config(patient);
        assert_eq!((session.after_window, session.reconnect_window), (AfterWindow::GiveUp, Duration::from_secs(90)));
        let room = service_config(UnixSeconds(0)).room;
        assert_eq!((room.duplicates, room.one_share, room.key_grace), (Duplicates::NewestStays, true, Duration::from_secs(30)));
    }
}
