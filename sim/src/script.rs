//! Stories: what both vendors' documents say, played.
//!
//! A [`Story`] is a setting and steps in the vendor's own words. [`play`] runs one [`Service`](greenroom_core::service::Service) and a
//! [dialect's client](greenroom_core::dialect) for each session object over an in-memory signalling link, without media and in virtual time, and answers with what every
//! party sees, a line for each thing. The same story always gives the same lines.
//!
//! ```text
//!   story.rs      the text, read whole
//!   sign.rs       "auto" filled in
//!   stage.rs      the world: who is due next, and what becomes of what they say
//!   link.rs       what is under way between a client and the server
//!   server.rs     the service, as the setting wants it
//!   line.rs       what is seen, as lines
//! ```
//!
//! `docs/SCRIPT.md` explains every key by example, and `docs/stories` is a tutorial of both documents that tests play.

mod error;
mod line;
mod link;
mod server;
mod sign;
mod stage;
pub mod story;

pub use self::{error::StoryError, story::Story};

/// Plays a story. Either it is understood whole, and the lines are what was seen; or nothing is.
pub fn play(text: &str) -> Result<Vec<String>, StoryError> {
    stage::Stage::new(Story::parse(text)?)?.play()
}
