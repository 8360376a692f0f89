//! Nodes: the machines of the core with media around them, behind the same four verbs.
//!
//! A node is told datagrams, signalling and the time, and says what to send, when to wake it, and what happened. It knows nothing of sockets, queues or hosts: those are an
//! engine's. A node decides nothing about the room either: the core does, and the node obeys.

mod camera;
mod client;
mod pictures;
mod router;
mod sfu;
mod voice;

use core::net::SocketAddrV4;
use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use greenroom_core::{time::Instant, wire::ServerMessage};

pub use self::{
    client::{ClientConfig, ClientNode},
    router::Router,
    sfu::{SfuConfig, SfuNode},
};
use crate::{
    net::Datagram,
    record::{Entry, Sample},
};

/// A signalling connection, numbered by the client that opens it: its place among the nodes above, the number of its attempt below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connection(pub u64);

impl Connection {
    /// The `attempt`-th connection of the client at place `node`.
    pub const fn new(node: u16, attempt: u32) -> Self {
        Self(((node as u64) << 32) | attempt as u64)
    }

    /// The place of the client that opened it.
    #[expect(clippy::cast_possible_truncation, reason = "places have 16 bits")]
    pub const fn client(self) -> u16 {
        (self.0 >> 32) as u16
    }

    /// Which of the client's attempts it was.
    #[expect(clippy::cast_possible_truncation, reason = "the low half is the attempt")]
    pub const fn attempt(self) -> u32 {
        self.0 as u32
    }
}

/// What a node is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// A datagram arrived.
    Datagram(Datagram),
    /// Something happened on a signalling connection.
    Signal {
        /// Which.
        connection: Connection,
        /// What.
        signal: Signal,
    },
    /// The host has gone over to another network: its connections are gone, and it is reached elsewhere.
    Moved {
        /// Where.
        address: SocketAddrV4,
    },
}

/// What happens on a signalling connection, to either end of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// It is open.
    Opened,
    /// A message arrived.
    Message(Message),
    /// The other end closed it.
    Closed,
}

/// A message on a signalling connection: bytes, and nothing that is not in them.
///
/// What the server says to two hundred clients it says once, and what they read in it stands beside it from the beginning. That is sound because reading is a function of the bytes alone, which nobody can
/// change, and what is read is what was written (debug builds look each time): two messages of the same bytes are the same whether they were read or not. Where bytes go through a socket each end makes
/// its own message of them, and reads for itself.
#[derive(Clone, Debug)]
pub struct Message(Arc<Said>);

#[derive(Debug)]
struct Said {
    bytes: Bytes,
    /// What a client reads, once one has looked, or the server has said it.
    from_server: OnceLock<Option<ServerMessage>>,
}

impl Message {
    /// The message that these bytes are.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self(Arc::new(Said { bytes: bytes.into(), from_server: OnceLock::new() }))
    }

    /// What the server says, which is in its bytes: whoever reads them finds what is kept beside them.
    pub fn of_server(message: ServerMessage) -> Self {
        let bytes = serde_json::to_vec(&message).expect("a message is text and numbers");
        debug_assert_eq!(serde_json::from_slice(&bytes).ok().as_ref(), Some(&message), "what is written is what is read");
        Self(Arc::new(Said { bytes: bytes.into(), from_server: Some(message).into() }))
    }

    /// Its bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.0.bytes
    }

    /// What it says to a client; none when that cannot be read, which is skipped like any other that means nothing.
    pub fn from_server(&self) -> Option<&ServerMessage> {
        self.0.from_server.get_or_init(|| serde_json::from_slice(&self.0.bytes).ok()).as_ref()
    }
}

/// By their bytes.
impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Message {}

/// What a node wants done, and what it has to tell.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send these datagrams, in this order. Many at once, because one packet makes one for every viewer: they are written here, and stay here until each lies in its receiver's inbox.
    Datagrams(Vec<Datagram>),
    /// Open a signalling connection to the server.
    Connect {
        /// The number for it.
        connection: Connection,
    },
    /// Send a message.
    Message {
        /// On which connection.
        connection: Connection,
        /// The message.
        message: Message,
    },
    /// Close a connection, after what was sent on it.
    Close {
        /// Which.
        connection: Connection,
    },
    /// Something happened. Boxed: all else is small, and should not carry the size of this about.
    Entry(Box<Entry>),
    /// Things were measured.
    Samples(Vec<Sample>),
}

/// A node: see the [module](self).
///
/// Whoever drives a node hands it instants that never fall, and calls `handle_timeout` for timers that are due before it hands over an input of the same instant.
pub trait Node {
    /// Takes in one input. It is lent: a datagram is read where it lies.
    fn handle_input(&mut self, now: Instant, input: &Input);
    /// Does what is due.
    fn handle_timeout(&mut self, now: Instant);
    /// Takes the next output, oldest first.
    fn poll_output(&mut self) -> Option<Output>;
    /// When the node wants to be told the time next.
    fn poll_timeout(&self) -> Option<Instant>;
}

/// Puts a datagram behind the others, with those that go out right before it.
fn send(outputs: &mut VecDeque<Output>, datagram: Datagram) {
    match outputs.back_mut() {
        Some(Output::Datagrams(datagrams)) => datagrams.push(datagram),
        _ => outputs.push_back(Output::Datagrams(vec![datagram])),
    }
}
