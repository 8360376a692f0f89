//! A router at the near end of a line that several users share: what comes goes on, the way to its address, in the order in which it came.
//!
//! It decides nothing. What waits, is dropped or is late is so on the lines before and behind it; to be a node of its own makes each of them a hop with its own books.

use core::mem;

use greenroom_core::time::Instant;

use super::{Input, Node, Output};
use crate::net::Datagram;

/// A router at the near end of a line that several users share.
#[derive(Debug, Default)]
pub struct Router {
    passing: Vec<Datagram>,
    now: Instant,
}

impl Node for Router {
    fn handle_input(&mut self, now: Instant, input: &Input) {
        self.now = now;
        match input {
            Input::Datagram(datagram) => self.passing.push(datagram.clone()),
            // Signalling is reliable, and its times are those of the whole way; a router stays where it is.
            Input::Signal { .. } | Input::Moved { .. } => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
    }

    fn poll_output(&mut self) -> Option<Output> {
        (!self.passing.is_empty()).then(|| Output::Datagrams(mem::take(&mut self.passing)))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        (!self.passing.is_empty()).then_some(self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::network::address_of;

    #[test]
    fn what_comes_goes_on_in_its_order() {
        let (mut router, now) = (Router::default(), Instant::from_millis(7));
        let datagrams = [(1, 0), (2, 0), (0, 1)].map(|(from, to)| Datagram::empty(address_of(from), address_of(to)));
        for datagram in &datagrams {
            router.handle_input(now, &Input::Datagram(datagram.clone()));
        }
        assert_eq!(router.poll_timeout(), Some(now));
        assert!(matches!(router.poll_output(), Some(Output::Datagrams(passed)) if passed == datagrams));
        assert!(router.poll_output().is_none());
        assert_eq!(router.poll_timeout(), None);
    }
}
