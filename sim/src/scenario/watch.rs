//! Whom a user watches: as a file says it, and resolved to users and their streams.
//!
//! A list of ids is a list of people: whatever they publish is wanted as it is. A table says more, of one stream: how large it is shown at most, how small it may be, and whether it goes before others. A list with a table in it
//! is *one* wish. The server is told it whole, and told it whole again when it changes, so that it plans once: what a speaker's change frees is there for the next speaker.

use core::fmt;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use greenroom_core::{id::UserId, stream::StreamKind};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{
        MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

use super::document::{KeyPath, Step, Wrong};

/// Whose streams a user subscribes to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watch {
    /// Everybody's.
    All,
    /// Those of these users; of nobody when it is empty.
    Users(BTreeSet<UserId>),
    /// These streams, each as it is wished: one wish, told and changed as a whole.
    Wishes(BTreeMap<(UserId, StreamKind), Wish>),
}

/// How a stream is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wish {
    /// Whose layers go first where not all fit: the higher number's.
    pub priority: u8,
    /// The largest picture that there is room for, in lines; no limit without it.
    pub max_height: Option<u16>,
    /// The smallest picture worth having, in lines.
    pub min_height: Option<u16>,
    /// Whether its audio is wanted.
    pub audio: bool,
}

impl Wish {
    /// All there is.
    pub const ALL: Self = Self { priority: 0, max_height: None, min_height: None, audio: true };
}

impl Watch {
    /// How a stream is wanted, if it is.
    pub fn wish(&self, user: &UserId, kind: StreamKind) -> Option<Wish> {
        match self {
            Self::All => Some(Wish::ALL),
            Self::Users(users) => users.contains(user).then_some(Wish::ALL),
            Self::Wishes(wishes) => wishes.get(&(user.clone(), kind)).copied(),
        }
    }

    /// Whether the user's camera is watched and heard.
    pub fn holds(&self, user: &UserId) -> bool {
        self.wish(user, StreamKind::Main).is_some_and(|wish| wish.audio)
    }
}

// ---- as it is written ------------------------------------------------------------------------------------------------------------------------------------------------

/// Whose streams to subscribe to, as a file says it.
#[derive(Clone, Debug, Default)]
pub(super) enum WatchEntry {
    #[default]
    All,
    Some(Vec<WatchedEntry>),
}

/// One of those in a list.
#[derive(Clone, Debug)]
pub(super) enum WatchedEntry {
    Id(String),
    Stream(WishTable),
}

/// One stream of a user, or of each member of a group, and how it is wanted.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WishTable {
    /// Whose: a user's id, or a group's.
    pub(super) user: String,
    /// Which of its streams. Default: "camera".
    #[serde(default)]
    pub(super) source: SourceWord,
    /// Goes before those of a lower number where not all fit. Default: 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 255))]
    pub(super) priority: u8,
    /// The largest picture that there is room for, in lines. Default: no limit.
    #[schemars(range(min = 1, max = u16::MAX))]
    pub(super) max_height: Option<u16>,
    /// The smallest picture worth having, in lines. Default: any is.
    #[schemars(range(min = 1, max = u16::MAX))]
    pub(super) min_height: Option<u16>,
    /// Whether its audio is wanted as well. Default: true.
    pub(super) audio: Option<bool>,
}

/// A stream of a user, by what it shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SourceWord {
    #[default]
    Camera,
    Screen,
}

impl SourceWord {
    const fn word(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Screen => "screen",
        }
    }

    const fn kind(self) -> StreamKind {
        match self {
            Self::Camera => StreamKind::Main,
            Self::Screen => StreamKind::Aux,
        }
    }
}

/// The word for everybody.
const ALL: &str = "all";

impl<'de> Deserialize<'de> for WatchEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = WatchEntry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"all\" or a list of user ids and tables")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<WatchEntry, E> {
                if text == ALL { Ok(WatchEntry::All) } else { Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)) }
            }
            fn visit_seq<A: SeqAccess<'de>>(self, watched: A) -> Result<WatchEntry, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(watched)).map(WatchEntry::Some)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for WatchedEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = WatchedEntry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a user id or a table")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<WatchedEntry, E> {
                Ok(WatchedEntry::Id(text.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<WatchedEntry, A::Error> {
                WishTable::deserialize(MapAccessDeserializer::new(table)).map(WatchedEntry::Stream)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for WatchEntry {
    fn schema_name() -> Cow<'static, str> {
        "Watch".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let watched = generator.subschema_for::<WatchedEntry>();
        json_schema!({ "anyOf": [
            { "type": "string", "const": ALL },
            { "type": "array", "title": "a list of user ids and tables", "items": watched },
        ] })
    }
}

impl JsonSchema for WatchedEntry {
    fn schema_name() -> Cow<'static, str> {
        "Watched".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string", "title": "a user id", "examples": ["ada"] },
            generator.subschema_for::<WishTable>(),
        ] })
    }
}

// ---- resolved --------------------------------------------------------------------------------------------------------------------------------------------------------

/// Makes of what stands at `path` what it means. `find` says which users an id stands for, or that it stands for nobody, at a path.
pub(super) fn watch(
    entry: &WatchEntry,
    path: &KeyPath,
    find: impl Fn(&str, KeyPath) -> Result<Vec<UserId>, Wrong>,
) -> Result<Watch, Wrong> {
    let entries = match entry {
        WatchEntry::All => return Ok(Watch::All),
        WatchEntry::Some(entries) => entries,
    };
    let below = |steps: &[Step]| path.iter().chain(steps).cloned().collect::<KeyPath>();
    let mut users = BTreeSet::new();
    let mut wishes: BTreeMap<(UserId, StreamKind), (Said, Wish)> = BTreeMap::new();
    for (n, entry) in entries.iter().enumerate() {
        match entry {
            WatchedEntry::Id(id) => {
                let found = find(id, below(&[Step::Index(n)]))?;
                for stream in found.iter().flat_map(|user| [StreamKind::Main, StreamKind::Aux].map(|kind| (user.clone(), kind))) {
                    wishes.entry(stream).or_insert((Said::ById, Wish::ALL));
                }
                users.extend(found);
            }
            WatchedEntry::Stream(table) => {
                let wrong = |key: &str, problem: String| Err(Wrong::new(below(&[Step::Index(n), Step::from(key)]), problem));
                let WishTable { priority, max_height, min_height, source, audio, ref user } = *table;
                if let (Some(least), Some(most)) = (min_height, max_height)
                    && least > most
                {
                    return wrong(
                        "min_height",
                        format!("no picture has {least} lines at least and {most} at most; expected no more than max_height"),
                    );
                }
                let wish = Wish { priority, max_height, min_height, audio: audio.unwrap_or(true) };
                let found = find(user, below(&[Step::Index(n), Step::from("user")]))?;
                let said = if matches!(&found[..], [one] if one.as_str() == user) { Said::OfUser } else { Said::OfGroup };
                for user in found {
                    let stream = (user, source.kind());
                    match wishes.get(&stream) {
                        Some((before, _)) if *before == said => {
                            let problem =
                                format!("the {} of {} is in the list already; expected each stream once", source.word(), stream.0);
                            return wrong("user", problem);
                        }
                        Some((before, _)) if *before > said => {}
                        Some(_) | None => drop(wishes.insert(stream, (said, wish))),
                    }
                }
            }
        }
    }
    if wishes.values().all(|(said, _)| *said == Said::ById) {
        Ok(Watch::Users(users))
    } else {
        Ok(Watch::Wishes(wishes.into_iter().map(|(stream, (_, wish))| (stream, wish)).collect()))
    }
}

/// How something was said of a stream: what is said of one user holds against what is said of its group, and that against an id alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    ById,
    OfGroup,
    OfUser,
}
