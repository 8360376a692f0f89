//! greenroom-core
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
