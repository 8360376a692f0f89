//! greenroom-sim
pub mod media;
pub mod net;
pub mod random;
pub mod record;
pub mod scenario;
