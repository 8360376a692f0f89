//! What is under way between the clients and the server, in the order in which it arrives.
//!
//! The link is reliable, as TCP is: a cut swallows nothing for good. What would have arrived meanwhile arrives when the link has healed, a latency later and in its order.
//! Opening a connection takes no time while the link is whole, so that a request's answer takes two latencies, whether it is the first or not.

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{
    id::SessionId,
    session::ConnectionId,
    time::Instant,
    wire::{ClientFrame, ServerMessage},
};

/// Something on its way.
#[derive(Clone, Debug)]
pub(super) enum Parcel {
    /// The address of the server was looked up.
    Found(ConnectionId),
    /// A connection is asked for.
    Open { connection: ConnectionId, session: SessionId },
    /// A client says something.
    Up { session: SessionId, frame: ClientFrame },
    /// A client hung up.
    UpClosed { session: SessionId },
    /// The server says something.
    Down { connection: ConnectionId, message: ServerMessage },
    /// The server hung up.
    DownClosed { connection: ConnectionId },
}

/// Order of arrival: time, then what caused it, then to whom, then in the order of sending.
type Place = (Instant, u64, String, u64);

/// Everything that is on its way.
#[derive(Debug)]
pub(super) struct Links {
    latency: Duration,
    under_way: BTreeMap<Place, Parcel>,
    /// Links that are cut, with what has piled up at the cut.
    cut: BTreeMap<String, Vec<(u64, Parcel)>>,
    sent: u64,
}

impl Links {
    pub(super) fn new(latency: Duration) -> Self {
        Self { latency, under_way: BTreeMap::new(), cut: BTreeMap::new(), sent: 0 }
    }

    /// Sends something over `who`'s link: it arrives a latency from now.
    pub(super) fn send(&mut self, now: Instant, cause: u64, who: &str, parcel: Parcel) {
        self.put(now.saturating_add(self.latency), cause, who, parcel);
    }

    /// Asks for something over `who`'s link that takes no time.
    pub(super) fn ask(&mut self, now: Instant, cause: u64, who: &str, parcel: Parcel) {
        self.put(now, cause, who, parcel);
    }

    fn put(&mut self, at: Instant, cause: u64, who: &str, parcel: Parcel) {
        self.sent += 1;
        self.under_way.insert((at, cause, who.to_owned(), self.sent), parcel);
    }

    /// When something arrives next.
    pub(super) fn next_arrival(&self) -> Option<Instant> {
        self.under_way.first_key_value().map(|((at, ..), _)| *at)
    }

    /// Takes out what arrives by now, and at whose end of the link it does. What meets a cut piles up there.
    pub(super) fn take_arrival(&mut self, now: Instant) -> Option<(String, Parcel)> {
        loop {
            let place = self.under_way.first_entry().filter(|first| first.key().0 <= now)?;
            let ((_, cause, who, _), parcel) = place.remove_entry();
            match self.cut.get_mut(&who) {
                Some(held) => held.push((cause, parcel)),
                None => return Some((who, parcel)),
            }
        }
    }

    /// Silence both ways, from now on.
    pub(super) fn cut(&mut self, who: &str) {
        self.cut.entry(who.to_owned()).or_default();
    }

    /// The silence ends; what has piled up arrives a latency from now.
    pub(super) fn heal(&mut self, now: Instant, who: &str) {
        for (cause, parcel) in self.cut.remove(who).unwrap_or_default() {
            self.send(now, cause, who, parcel);
        }
    }

    /// A connection is no more: what was under way on it, either way, arrives nowhere.
    pub(super) fn drop_connection(&mut self, who: &str, dropped: ConnectionId, session: SessionId) {
        let stays = |parcel: &Parcel| match parcel {
            Parcel::Found(connection)
            | Parcel::Open { connection, .. }
            | Parcel::Down { connection, .. }
            | Parcel::DownClosed { connection } => *connection != dropped,
            Parcel::Up { session: on, .. } | Parcel::UpClosed { session: on } => *on != session,
        };
        self.under_way.retain(|(_, _, whose, _), parcel| whose != who || stays(parcel));
        if let Some(held) = self.cut.get_mut(who) {
            held.retain(|(_, parcel)| stays(parcel));
        }
    }

    /// Whether anything but heartbeats is on its way.
    pub(super) fn are_busy(&self) -> bool {
        use greenroom_core::wire::ClientMessage;
        let says_something = |parcel: &Parcel| {
            !matches!(
                parcel,
                Parcel::Up { frame: ClientFrame { message: ClientMessage::Ping, .. }, .. }
                    | Parcel::Down { message: ServerMessage::Pong, .. }
            )
        };
        self.under_way.values().any(says_something)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::ZERO.saturating_add(Duration::from_millis(ms))
    }

    fn pong(connection: u32) -> Parcel {
        Parcel::Down { connection: ConnectionId(connection), message: ServerMessage::Pong }
    }

    fn arrivals(links: &mut Links, now: Instant) -> Vec<(String, u32)> {
        let number = |parcel| match parcel {
            Parcel::Down { connection, .. } => connection.0,
            other => panic!("{other:?}"),
        };
        core::iter::from_fn(|| links.take_arrival(now)).map(|(who, parcel)| (who, number(parcel))).collect()
    }

    #[test]
    fn what_one_cause_sends_to_many_arrives_by_name() {
        let mut links = Links::new(Duration::from_millis(10));
        for (who, number) in [("cem", 1), ("ada", 2), ("ben", 3)] {
            links.send(at(0), 7, who, pong(number));
        }
        assert_eq!(arrivals(&mut links, at(9)), []);
        assert_eq!(arrivals(&mut links, at(10)), [("ada".to_owned(), 2), ("ben".to_owned(), 3), ("cem".to_owned(), 1)]);
    }

    #[test]
    fn a_cut_delays_and_keeps_the_order() {
        let mut links = Links::new(Duration::from_millis(10));
        links.send(at(0), 1, "ada", pong(1));
        links.cut("ada");
        links.send(at(5), 2, "ada", pong(2));
        assert_eq!(arrivals(&mut links, at(100)), []);
        links.heal(at(100), "ada");
        links.send(at(100), 3, "ada", pong(3));
        assert_eq!(arrivals(&mut links, at(109)), []);
        assert_eq!(arrivals(&mut links, at(110)).iter().map(|(_, n)| *n).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn a_dropped_connection_takes_along_what_is_on_it() {
        let mut links = Links::new(Duration::from_millis(10));
        links.send(at(0), 1, "ada", pong(1));
        links.send(at(0), 1, "ada", pong(2));
        links.send(at(0), 1, "ben", pong(1));
        links.drop_connection("ada", ConnectionId(1), SessionId(1));
        assert_eq!(arrivals(&mut links, at(10)), [("ada".to_owned(), 2), ("ben".to_owned(), 1)]);
    }
}
