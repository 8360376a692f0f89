//! greenroom-sim
#![deny(unsafe_code)] // but in `entropy`, which answers for the C library

pub mod check;
pub mod cli;
pub mod engine;
pub mod entropy;
pub mod media;
pub mod net;
pub mod node;
pub mod random;
pub mod record;
pub mod report;
pub mod run;
pub mod scenario;
