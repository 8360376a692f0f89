//! greenroom-sim: a deterministic laboratory for audio/video rooms.
//!
//! A [scenario] says who enters a room over which network and does what when. A [run](run::run) lets real clients and a real SFU, both made of the machines of `greenroom-core`, live through
//! it over simulated links in simulated time, and leaves a [record]: what happened, what was measured, and whether what must hold did. The same scenario and seed leave the same record, to
//! the last datagram.
//!
//! ```
//! use greenroom_sim::{engine::{Engine, Progress}, media::Fidelity, run::{self, Settings}, scenario::Scenario};
//!
//! let scenario = Scenario::parse("short", r#"
//!     title = "A short call"
//!     duration = "3 s"
//!
//!     [link.fibre]
//!     rate = "100 Mbps"
//!     delay = "10 ms"
//!
//!     [[user]]
//!     id = "ada"
//!     role = "joiner"
//!     link = "fibre"
//!     publish = true
//!
//!     [[user]]
//!     id = "ben"
//!     role = "player"
//!     link = "fibre"
//!     join = "200 ms"
//! "#, &[])?;
//! let settings = Settings { engine: Engine::Direct, media: Fidelity::Model, seed: 7, ..Settings::default() };
//! let record = run::run(&scenario, settings, &Progress::default())?;
//!
//! assert!(record.summary.checks.iter().all(|check| check.ok));
//! let ben = &record.summary.viewers[0];
//! assert_eq!((ben.user.as_str(), ben.stream.as_str()), ("ben", "ada/main"));
//! assert!(ben.first_frame_ms.is_some_and(|ms| ms < 1000));
//!
//! let again = run::run(&scenario, settings, &Progress::default())?;
//! assert_eq!(again.summary.trace_hash, record.summary.trace_hash);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The parts, from the bottom
//!
//! - [`random`] and [`entropy`]: where chance comes from, and how the process is kept from adding its own;
//! - [`net`]: links with a rate, a queue, loss and jitter, as plain arithmetic on integer nanoseconds;
//! - [`media`]: transports that turn packets into datagrams: str0m with real or null cryptography, or a model;
//! - [`node`]: an SFU and a client, sans-IO, each a machine of the core with a transport around it;
//! - [`engine`]: what lets time pass and carries bytes: `direct`, a schedule and nothing else, and `turmoil`, hosts and sockets;
//! - [`scenario`], [`run`], [`record`], [`check`], [`report`]: from the file to the page that tells what happened and why;
//! - [`eval`]: single parts of the core, asked line by line;
//! - [`bench`](mod@bench): what media do over networks that a document has agreed on;
//! - [`cli`]: the `greenroom` program.
//!
//! `docs/SIMULATION.md` is the user's page, `docs/DETERMINISM.md` says what repeats and why, and `docs/ARCHITECTURE.md` where everything is.
//!
//! # Limits
//!
//! Exact repetition across processes is promised on 64-bit Linux with the GNU C library: [`entropy::IN_FORCE`] tells. A simulation runs on one thread, a large room with modelled media on two, which changes nothing; simulations side by side do not touch.
#![deny(unsafe_code)] // but in `entropy`, which answers for the C library

pub mod bench;
pub mod check;
pub mod cli;
pub mod engine;
pub mod entropy;
pub mod eval;
pub mod media;
pub mod net;
pub mod node;
pub mod policy;
pub mod random;
pub mod record;
pub mod report;
pub mod run;
pub mod scenario;
pub mod script;
pub mod selftest;
mod spread;
