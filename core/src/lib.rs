//! greenroom-core: the protocol of audio/video rooms, without any IO.
//!
//! A [`Room`](room::Room) is the server's side of a room, a [`Session`](session::Session) one user's side. Both are *machines*: they are told what happens and when, and answer with what is to be
//! done. They have no clock, no socket, no thread, no random source; whoever embeds them brings those. Beside them stand *parts* that answer one question each and can be used alone:
//!
//! | part | question |
//! |---|---|
//! | [`select::allocate()`] | Which layer of each stream fits a subscriber's connection? |
//! | [`select::KeyFrameRequests`] | When is a publisher asked for a key frame? |
//! | [`forward::Forwarder`] | Is this packet for this subscriber, and under which numbers? |
//! | [`vp8`] | What does this packet say about its picture? |
//! | [`session::Backoff`] | How long to wait before trying again? |
//!
//! # The four verbs
//!
//! ```text
//! fn handle_input(&mut self, now: Instant, input: Input) -> Result<(), Misuse>;
//! fn handle_timeout(&mut self, now: Instant);
//! fn poll_output(&mut self) -> Option<Output>;      // pops; never computes
//! fn poll_timeout(&self) -> Option<Instant>;
//! ```
//!
//! An embedder's loop: wait for an input or for the time that `poll_timeout` says, hand over whichever came, take outputs until there are none, do what they say, begin again.
//! `docs/EMBEDDING.md` has such a loop around real sockets.
//!
//! # The laws
//!
//! They hold for every machine, on any history of inputs. [`trace::laws`] has them as functions; tests and fuzzers check them on histories made up from bytes.
//!
//! - **L1, same in, same out.** Equal state and equal steps make equal outputs and equal state, on every platform; a clone goes the way of its original.
//! - **L2, outputs are due at once.** While outputs wait, `poll_timeout` answers with the last `now` that the machine was told.
//! - **L3, draining changes nothing.** Whether outputs are taken at once or late, they are the same, and so is the state they leave.
//! - **L4, no busy loop.** After the deadline was handled and outputs are taken, the next deadline lies later, or there is none. Told nothing more, a machine does not spin.
//! - **L5, time never runs backwards.** An input from the past is [`Misuse`](room::Misuse); a timer call from the past is ignored. Timers that are due fire before the input of the same instant.
//! - **L6, outputs are bounded.** One call makes a bounded number of outputs (`outputs_max`). Recipients are described and not enumerated, so that the bound does not grow with the room.
//! - **L7, misuse changes nothing.** After an error the machine is as it was.
//! - **L8, no panic.** Whatever the input. A peer cannot make a machine return an error, panic, loop, or grow beyond [`limits`].
//!
//! State is `Clone + Eq + Hash`, integers and ordered maps, so a model checker can walk it.
//!
//! # Who is at fault
//!
//! A `Misuse` is the embedder's mistake. A [`Code`](code::Code) is what a peer or an application acts on. A panic is a bug of this crate.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod code;
pub mod forward;
pub mod id;
pub mod limits;
pub mod member;
pub mod rng;
pub mod role;
pub mod room;
pub mod select;
pub mod session;
pub mod stream;
pub mod time;
pub mod trace;
pub mod vp8;
pub mod wire;

/// The pages whose examples are compiled and run with the tests of this crate.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/EMBEDDING.md")]
    struct Embedding;
}
