//! greenroom-sim
#![deny(unsafe_code)] // but in `entropy`, which answers for the C library

pub mod entropy;
pub mod media;
pub mod net;
pub mod record;
