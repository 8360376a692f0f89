//! Voices: how a user speaks, and whom it hears.

use core::time::Duration;

use greenroom_core::wire::AudioMode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    document::{Wrong, key_path},
    quantity::Time,
};

/// How a user speaks: spurts of talk and pauses between them, of lengths that are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voice {
    /// How long a spurt lasts in the mean.
    pub talk: Duration,
    /// How long a pause lasts in the mean; zero for none.
    pub pause: Duration,
    /// How loud a spurt is, in dB below full scale.
    pub level_db: u8,
}

impl Default for Voice {
    /// A conversation as ITU-T P.59 measured it (table 1: the mean of three languages), at the level of speech in telephone networks (ITU-T P.56 and P.800: about -26 dBov).
    fn default() -> Self {
        Self { talk: Duration::from_millis(1004), pause: Duration::from_millis(1587), level_db: 26 }
    }
}

/// Whose voices a user hears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hear {
    /// Those of the users it watches.
    #[default]
    Subscribed,
    /// Those of the three loudest others, whoever they are.
    Loudest,
}

impl Hear {
    /// The mode to join with.
    pub(crate) const fn mode(self) -> AudioMode {
        match self {
            Self::Subscribed => AudioMode::Subscribed,
            Self::Loudest => AudioMode::Loudest,
        }
    }
}

/// Whose voices a user hears, by its word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum HearWord {
    #[default]
    Subscribed,
    Loudest,
}

impl From<HearWord> for Hear {
    fn from(word: HearWord) -> Self {
        match word {
            HearWord::Subscribed => Self::Subscribed,
            HearWord::Loudest => Self::Loudest,
        }
    }
}

/// How a user speaks, as a file says it.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct VoiceTable {
    /// How long a spurt of talk lasts in the mean. Default: "1004 ms".
    talk: Option<Time>,
    /// How long a pause lasts in the mean; "0 s" for none. Default: "1587 ms".
    pause: Option<Time>,
    /// How loud the talk is, in dB below full scale. Default: 26.
    #[schemars(range(min = 0, max = 127))]
    level: Option<u8>,
}

/// The voice that a user's table describes.
pub(super) fn voice(table: &VoiceTable, user: usize) -> Result<Voice, Wrong> {
    let usual = Voice::default();
    let voice = Voice {
        talk: table.talk.map_or(usual.talk, |talk| talk.0),
        pause: table.pause.map_or(usual.pause, |pause| pause.0),
        level_db: table.level.unwrap_or(usual.level_db),
    };
    if voice.talk.is_zero() {
        return Err(Wrong::new(key_path!["user", user, "voice", "talk"], "expected more than nothing; without a voice there is no talk"));
    }
    Ok(voice)
}
