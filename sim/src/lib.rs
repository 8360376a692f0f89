//! greenroom-sim
pub mod media;
pub mod net;
pub mod record;
pub mod report;
