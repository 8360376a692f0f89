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
pub mod role;
pub mod select;
pub mod stream;
pub mod time;
pub mod vp8;
pub mod wire;
