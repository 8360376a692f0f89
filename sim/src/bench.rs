//! Benches: the laboratory's judgements, each with goals of its own. `greenroom bench NAME` runs one and says whether its goals were met.

pub mod quality;
