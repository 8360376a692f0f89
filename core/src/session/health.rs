//! How good the session's own connection is: windows that whoever carries the media measures, and the state of the connection.

use super::{ConnectionState, Event, Session, phase::Phase};
use crate::quality::Reading;

impl Session {
    /// A window was measured. It says something of a stay whose connection stands, and of nothing else: between two connections the level is known without measuring.
    pub(super) fn measured(&mut self, up: &Reading, down: &Reading) {
        if let Phase::Joined { .. } = self.phase {
            self.score(up, down);
        }
    }

    /// The connection's state changed: without one, both directions are as bad as can be at once, and with a new one nothing is known of it yet.
    pub(super) fn follow_state(&mut self, to: ConnectionState) {
        let reading = match to {
            ConnectionState::Connected => Reading::Unmeasured,
            ConnectionState::Disconnected | ConnectionState::Connecting | ConnectionState::Reconnecting => Reading::Disconnected,
        };
        self.score(&reading, &reading);
    }

    /// Scores both directions of a stay, and tells what has changed.
    fn score(&mut self, up: &Reading, down: &Reading) {
        let (Phase::Joined { view, .. } | Phase::Reconnecting { view, .. }) = &mut self.phase else { return };
        if let Some(now) = view.quality.update(&self.config.quality, up, down) {
            self.event(Event::NetworkQuality { up: now.up, down: now.down });
        }
    }
}
