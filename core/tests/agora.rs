//! Agora's client object: told calls in Agora's words, it answers in Agora's words. One file for each theme.

#[path = "agora/channel.rs"]
mod channel;
#[path = "agora/entering.rs"]
mod entering;
#[path = "agora/house.rs"]
mod house;
#[path = "agora/keys.rs"]
mod keys;
#[path = "agora/laws.rs"]
mod laws;
#[path = "agora/life.rs"]
mod life;
#[path = "agora/link.rs"]
mod link;
#[path = "agora/page.rs"]
mod page;
#[path = "agora/streams.rs"]
mod streams;
