//! greenroom-sim
#![deny(unsafe_code)]
pub mod engine;
pub mod media;
pub mod net;
pub mod node;
pub mod random;
pub mod record;
pub mod scenario;
