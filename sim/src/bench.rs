//! Benchmarks of behaviour: what media and measurements do over networks, against what a document, a field or the truth of a simulation says. `greenroom bench NAME` runs one and says whether its
//! goals were met.
//!
//! Each has a module of its own, and `docs` a page.

pub mod quality;
pub mod rfc8867;
pub mod selection;
