//! SparkRTC's client object, as an application sees it: a few of them, and a real room between them.

#[path = "sparkrtc/theatre.rs"]
mod theatre;

#[path = "sparkrtc/arguments.rs"]
mod arguments;
#[path = "sparkrtc/laws.rs"]
mod laws;
#[path = "sparkrtc/links.rs"]
mod links;
#[path = "sparkrtc/muting.rs"]
mod muting;
#[path = "sparkrtc/network.rs"]
mod network;
#[path = "sparkrtc/publishing.rs"]
mod publishing;
#[path = "sparkrtc/quality.rs"]
mod quality;
#[path = "sparkrtc/rooms.rs"]
mod rooms;
#[path = "sparkrtc/statistics.rs"]
mod statistics;
#[path = "sparkrtc/subscribing.rs"]
mod subscribing;
#[path = "sparkrtc/voices.rs"]
mod voices;
