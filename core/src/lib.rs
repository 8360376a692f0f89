//! A protocol core for audio and video rooms that does no input or output of its own.
//!
//! greenroom-core decides what a room's server and its clients say and do: who is in, who sends what, who receives which simulcast layer, what happens when a connection is
//! lost. It is told everything, time included, and has no socket, clock, thread or random source. So it runs in any process, on any runtime, and in a test it runs an hour
//! in a millisecond, the same way each time.
//!
//! # Machines and parts
//!
//! A *machine* has a life of its own, with timers and a queue of outputs:
//!
//! - [`Room`](room::Room): a room on the server, media plan included;
//! - [`Service`](service::Service): many rooms of many apps behind one door, which checks who may enter;
//! - [`Session`](session::Session): one user's side of it, reconnecting included.
//!
//! A *part* is a plain value that answers one question, and is of use alone:
//!
//! - [`allocate`](select::allocate()): which layer of each stream fits an estimate, and why;
//! - [`Forwarder`](forward::Forwarder): which packets a viewer gets, and their numbers;
//! - [`KeyFrameRequests`](select::KeyFrameRequests): when to ask a publisher for a key frame;
//! - [`Scorer`](quality::Scorer): how good a connection is, and why;
//! - [`Loudest`](audio::Loudest): who of many speakers is to be heard;
//! - [`Watch`](watch::Watch): which video streams have died, and which came back;
//! - [`PartStats`](stats::PartStats): counts of media that never fall, and rates;
//! - [`Backoff`](session::Backoff): how long to wait before trying again;
//! - [`Authority`](auth::Authority): whether a user may enter under the name it gives.
//!
//! # The four verbs
//!
//! ```text
//! handle_input(now, input) -> Result<(), Misuse>     something happened
//! handle_timeout(now)                                time passed
//! poll_output() -> Option<Output>                    what is to be done, oldest first
//! poll_timeout() -> Option<Instant>                  when to call again at the latest
//! ```
//!
//! Handling computes, polling only takes. Here a session enters a room; a real embedder has a network in between, and writes the messages as bytes with serde.
//!
//! ```
//! use greenroom_core::{id::{RoomId, SessionId, UserId}, role::Role, room::{self, Room}, session::{self, Answer, Call, CallId, Event, JoinCall, Session}, time::Instant};
//!
//! let now = Instant::ZERO;
//! let name = RoomId::new("stage")?;
//! let mut room = Room::new(now, room::Config::new(name.clone()));
//! let mut session = Session::new(now, session::Config::default());
//! let join = JoinCall::new(name, UserId::new("ada")?, Role::Joiner);
//! session.handle_input(now, session::Input::Call { id: CallId(1), call: Call::Join(join) })?;
//!
//! let mut answer = None;
//! while answer.is_none() {
//!     match session.poll_output().expect("the session has something to do until it is in") {
//!         session::Output::Connect { connection } => session.handle_input(now, session::Input::Opened { connection })?,
//!         session::Output::Send { connection, frame } => {
//!             room.handle_input(now, room::Input::Message { session: SessionId(1), frame })?;
//!             while let Some(output) = room.poll_output() {
//!                 let message = match output {
//!                     room::Output::Send { to, message } if room.sessions_of(&to).any(|session| session == SessionId(1)) => message,
//!                     room::Output::Snapshot(snapshot) => room.snapshot(&snapshot), // the answer to a join lists everyone: it is written when it is sent
//!                     _ => continue,
//!                 };
//!                 session.handle_input(now, session::Input::Received { connection, message })?;
//!             }
//!         }
//!         session::Output::Event(Event::Answered { result, .. }) => answer = Some(result),
//!         session::Output::Event(_) | session::Output::Disconnect { .. } => {}
//!     }
//! }
//! assert_eq!(answer, Some(Ok(Answer::Joined { user: UserId::new("ada")?, role: Role::Joiner })));
//! assert_eq!(room.members().count(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The laws
//!
//! Every machine keeps them on every history, and [`trace::laws`] checks them: property tests and fuzzers do so on histories that [`trace`] makes up.
//!
//! 1. **Same in, same out.** Equal state and equal steps make equal outputs and equal state, on every platform. A clone goes the way of its original.
//! 2. **Outputs are due at once.** While outputs wait, `poll_timeout` is the last `now`.
//! 3. **Taking changes nothing.** When outputs are taken never changes what they are. Only whom a described group of recipients names
//!    ([`Recipients`](room::Recipients)), and whom a described answer to a join lists ([`Snapshot`](room::Snapshot)), is looked up when they are taken, and that a machine
//!    on the other end does not mind.
//! 4. **No busy loop.** Once a deadline is kept and the outputs are taken, the next deadline is later, or there is none. A call ahead of it does nothing. A deadline at
//!    [`Instant::MAX`](time::Instant::MAX) stands for one that cannot be told, and never comes.
//! 5. **Time never runs backwards.** A `now` before the last one is [`Misuse`](room::Misuse), or ignored where there is no result. Timers that are due fire before the input at
//!    `now`.
//! 6. **Bounded steps.** One call makes a bounded number of outputs, which `outputs_max` tells. Recipients are described, not listed, so that a join in a room of ten thousand is
//!    three outputs. What many timers, many members or many rooms need is done in batches of [`limits::ROOM_BATCH`], with a short rest between two of them. A session's bound for a
//!    snapshot of its room is the number of things listed in it or missing from it.
//! 7. **Misuse changes nothing.** After an `Err` the state is as it was.
//! 8. **No panic**, whatever the input. A peer can make a machine neither panic nor return `Err`, neither loop nor grow without bound: every bound stands in [`limits`].
//!
//! State is `Clone`, `Eq` and `Hash`, so that a model checker can walk it; it holds integers and ordered maps only.
//!
//! # Who is at fault
//!
//! `Misuse` is the caller's mistake. A [`Code`](code::Code) is what a peer or an application acts on. A panic is a bug in here.
//!
//! # What it does not do
//!
//! - *Input and output*: no sockets, no bytes of its own. [`wire`] has the messages as types for serde.
//! - *Media*: no ICE, DTLS, SRTP, jitter buffer or congestion control. It orders a media plane ([`MediaOutput`](room::MediaOutput)) and is told its news
//!   ([`MediaInput`](room::MediaInput)).
//! - *Accounts*: a service checks credentials ([`auth`]) that an application's own server has made. A room alone checks none: whoever hands in a join has.
//!
//! # Where to find what
//!
//! | module | what |
//! |---|---|
//! | [`room`], [`service`], [`session`] | the machines |
//! | [`wire`] | what they say to each other |
//! | [`select`], [`forward`], [`vp8`] | layers: choosing, switching, renumbering |
//! | [`quality`] | how good a connection is, and the E-model |
//! | [`audio`], [`watch`] | who is heard, and which pictures have stopped |
//! | [`member`], [`stream`], [`role`] | who is in a room, and what they publish |
//! | [`stats`] | counts of media that never fall, and rates |
//! | [`auth`] | credentials: who may enter, and until when |
//! | [`outbox`] | what waits to be sent, with a bound |
//! | [`code`], [`id`], [`limits`], [`time`], [`rng`] | the vocabulary |
//! | [`code::vendor`], [`profile`], [`region`] | what two vendors print: codes, profiles, countries |
//! | [`trace`] | histories, replay and laws, for tests |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod audio;
pub mod auth;
pub mod code;
pub mod dialect;
pub mod forward;
pub mod id;
pub mod limits;
pub mod member;
pub mod outbox;
pub mod profile;
pub mod quality;
mod recent;
pub mod region;
pub mod rng;
pub mod role;
pub mod room;
pub mod select;
pub mod service;
pub mod session;
pub mod stats;
pub mod stream;
pub mod time;
pub mod trace;
pub mod vp8;
pub mod watch;
pub mod wire;

/// The pages whose examples are compiled and run with the tests of this crate.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/EMBEDDING.md")]
    struct Embedding;
}
