//! Layer selection: which layer of which stream a subscriber gets, and how it comes to flow.
//!
//! Three parts, each usable alone, hand the question on to one another:
//!
//! 1. [`allocate`](allocate()) answers *how high*: given what the subscriber's connection can carry and what each layer needs, one layer for each stream, with the
//!    reason, and the two rates that the bandwidth prober works towards. It is a pure function, asked again whenever the estimate, the demand or a layer's rate
//!    changes.
//! 2. [`Forwarder::set_target`](crate::forward::Forwarder::set_target) takes each answer and gates it: the layer changes where a key frame of the new one begins, and
//!    until then the old one flows.
//! 3. [`KeyFrameRequests`] sees that the key frame comes: one request per stream and layer, however many forwarders await it, repeated until it does.
//!
//! An owner that holds all three: on a new estimate it calls `allocate`, sets the targets, and calls [`want`](KeyFrameRequests::want) for each forwarder that has an
//! [`awaited`](crate::forward::Forwarder::awaited) layer; on a packet that begins a key frame it calls [`arrived`](KeyFrameRequests::arrived).

mod allocate;
mod chain;
mod gate;
mod keyframe;
mod ladder;
mod pace;
mod policy;
mod queue;
mod steady;
mod trust;

pub use self::{
    allocate::{Allocation, Budget, Choice, Demand, Priority, Reason, allocate},
    chain::Planner,
    gate::{Against, Backoff, Gate, Gated},
    keyframe::KeyFrameRequests,
    ladder::{Layer, Offer, Rung, Source, Wish, arrange},
    pace::Pace,
    policy::Policy,
    trust::{Estimate, Trust},
};
