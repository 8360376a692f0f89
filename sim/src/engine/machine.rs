//! A node of any kind as one value, so that all kinds lie in one list and are asked without indirection.

use greenroom_core::time::Instant;

use crate::node::{ClientNode, Input, Node, Output, Router, SfuNode};

/// A node of any kind, or what a crash has left of it.
#[derive(Debug)]
pub(super) enum Machine {
    Sfu(Box<SfuNode>),
    Client(Box<ClientNode>),
    Router(Box<Router>),
    Down,
}

impl Machine {
    pub(super) fn handle_input(&mut self, now: Instant, input: &Input) {
        match self {
            Self::Sfu(node) => node.handle_input(now, input),
            Self::Client(node) => node.handle_input(now, input),
            Self::Router(node) => node.handle_input(now, input),
            Self::Down => {}
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Sfu(node) => node.handle_timeout(now),
            Self::Client(node) => node.handle_timeout(now),
            Self::Router(node) => node.handle_timeout(now),
            Self::Down => {}
        }
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        match self {
            Self::Sfu(node) => node.poll_output(),
            Self::Client(node) => node.poll_output(),
            Self::Router(node) => node.poll_output(),
            Self::Down => None,
        }
    }

    /// Whether there is surely no output; of other nodes than clients it is known by asking.
    #[inline]
    pub(super) fn is_silent(&self) -> bool {
        matches!(self, Self::Client(node) if node.is_silent())
    }

    /// Whether what was taken in last surely brought no timer forward; of other nodes than clients it is known by asking.
    #[inline]
    pub(super) fn timer_stands(&self) -> bool {
        matches!(self, Self::Client(node) if node.timer_stands())
    }

    #[inline]
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Sfu(node) => node.poll_timeout(),
            Self::Client(node) => node.poll_timeout(),
            Self::Router(node) => node.poll_timeout(),
            Self::Down => None,
        }
    }
}
