//! Quantities as people write them: a number and its unit, `"2.5 Mbps"`, `"300 ms"`, `"0.1 %"`. They are read exactly, into integers; no float is involved.

use core::{fmt, time::Duration};
use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::error::{either, suggestion};

/// A kind of quantity: how to speak of it, and the units it may have with what each of them is worth.
pub(super) struct Kind {
    /// What it is, with its article.
    pub(super) what: &'static str,
    /// One of its kind.
    pub(super) example: &'static str,
    /// What everything is counted in.
    base: &'static str,
    units: &'static [(&'static str, u64)],
}

const TIME: Kind = Kind {
    what: "a time",
    example: "20 ms",
    base: "nanoseconds",
    units: &[("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("min", 60_000_000_000)],
};
const RATE: Kind = Kind {
    what: "a rate",
    example: "2.5 Mbps",
    base: "bits per second",
    units: &[("bps", 1), ("kbps", 1_000), ("Mbps", 1_000_000), ("Gbps", 1_000_000_000)],
};
const SIZE: Kind = Kind {
    what: "a size",
    example: "64 kB",
    base: "bytes",
    units: &[("B", 1), ("kB", 1_000), ("KiB", 1_024), ("MB", 1_000_000), ("MiB", 1_048_576)],
};
const PACKETS: Kind =
    Kind { what: "a number of packets", example: "100 packets", base: "packets", units: &[("packets", 1), ("packet", 1)] };
const SHARE: Kind = Kind { what: "a share", example: "0.1 %", base: "parts per billion", units: &[("%", 10_000_000), ("ppm", 1_000)] };
const DRIFT: Kind = Kind { what: "a drift", example: "200 ppm", base: "parts per billion", units: &[("ppm", 1_000), ("ppb", 1)] };

/// One of these.
const QUEUE: [&Kind; 3] = [&TIME, &SIZE, &PACKETS];

/// The word for a rate or a queue without limit.
pub(super) const UNLIMITED: &str = "unlimited";

/// Reads a number and a unit of one of `kinds`: what it is worth, and which kind it is.
fn read(text: &str, kinds: &[&'static Kind]) -> Result<(u64, &'static Kind), String> {
    let problem = |why: String| format!("expected {}, found \"{text}\": {why}", expected(kinds));
    let all_units = || kinds.iter().flat_map(|kind| kind.units.iter().map(|(unit, _)| *unit));

    let trimmed = text.trim();
    if trimmed.starts_with('-') {
        return Err(problem("it cannot be negative".to_string()));
    }
    let number_len = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (number, unit) = (&trimmed[..number_len], trimmed[number_len..].trim_start());
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return Err(problem("it does not begin with a number".to_string()));
    }
    if unit.is_empty() {
        return Err(problem(format!("the unit is missing; known: {}", all_units().collect::<Vec<_>>().join(", "))));
    }
    let found = kinds.iter().find_map(|kind| Some((*kind, kind.units.iter().find(|(name, _)| *name == unit)?.1)));
    let Some((kind, worth)) = found else {
        return Err(problem(format!("no unit is called \"{unit}\"; {}", suggestion(unit, all_units()))));
    };

    let worth = u128::from(worth);
    let too_large = || problem(format!("it is more than {} {}", u64::MAX, kind.base));
    let whole: u128 = whole.parse::<u64>().map_err(|_| too_large())?.into();
    let fraction = fraction.trim_end_matches('0');
    let too_fine = || problem(format!("it does not come to a whole number of {}", kind.base));
    // What a unit is worth holds at most twenty twos (MiB) or ten fives (min), so more decimals than twenty never come out whole.
    if fraction.len() > 20 {
        return Err(too_fine());
    }
    let (parts, scale) = fraction.bytes().fold((0, 1), |(parts, scale), digit| (parts * 10 + u128::from(digit - b'0'), scale * 10));
    if !(parts * worth).is_multiple_of(scale) {
        return Err(too_fine());
    }
    let value = whole * worth + parts * worth / scale;
    Ok((u64::try_from(value).map_err(|_| too_large())?, kind))
}

/// What to say was expected: `a time such as "20 ms"`.
fn expected(kinds: &[&Kind]) -> String {
    let each: Vec<_> = kinds.iter().map(|kind| format!("{} such as \"{}\"", kind.what, kind.example)).collect();
    either(&each)
}

/// The schema of a text that is a number and a unit of that kind.
fn schema_of(kind: &Kind) -> Schema {
    let units: Vec<_> = kind.units.iter().map(|(unit, _)| *unit).collect();
    json_schema!({
        "type": "string",
        "title": kind.what,
        "pattern": format!("^[0-9]+(\\.[0-9]+)? *({})$", units.join("|")),
        "examples": [kind.example],
    })
}

/// Declares a quantity of one kind.
macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident($inner:ty), $kind:ident, $from_base:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) struct $name(pub(super) $inner);

        impl $name {
            /// Reads it from text.
            pub(super) fn read(text: &str) -> Result<Self, String> {
                let from_base: fn(u64) -> Option<$inner> = $from_base;
                let (value, _) = read(text, &[&$kind])?;
                from_base(value).map(Self).ok_or_else(|| format!("expected {}, found \"{text}\": it is too large", expected(&[&$kind])))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::read(&Cow::<'de, str>::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                schema_of(&$kind)
            }
        }
    };
}

quantity!(
    /// A span of time.
    Time(Duration), TIME, |nanos| Some(Duration::from_nanos(nanos))
);
quantity!(
    /// A rate in bits per second.
    Rate(u64), RATE, Some
);
quantity!(
    /// A size in bytes.
    Size(u32), SIZE, |bytes| u32::try_from(bytes).ok()
);
quantity!(
    /// A share of the whole, in parts per billion; at most all of it.
    Share(u32), SHARE, |ppb| u32::try_from(ppb).ok().filter(|ppb| *ppb <= crate::random::CERTAIN_PPB)
);

/// How fast a clock is, in parts per billion: below zero it is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Drift(pub(super) i32);

impl Drift {
    /// The most there may be, either way. A choice: a tenth; crystals keep within some hundred ppm, and a clock that stands still is a pause.
    const MOST_PPB: u64 = 100_000_000;

    /// Reads it from text.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let size = text.trim().strip_prefix('-');
        let (ppb, _) = read(size.unwrap_or(text), &[&DRIFT])?;
        match i32::try_from(ppb) {
            Ok(size_ppb) if ppb <= Self::MOST_PPB => Ok(Self(if size.is_some() { -size_ppb } else { size_ppb })),
            Ok(_) | Err(_) => Err(format!("expected {}, found \"{text}\": a clock is wrong by 100000 ppm at most", expected(&[&DRIFT]))),
        }
    }
}

impl<'de> Deserialize<'de> for Drift {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&Cow::<'de, str>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for Drift {
    fn schema_name() -> Cow<'static, str> {
        "Drift".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut schema = schema_of(&DRIFT);
        schema.insert("pattern".to_owned(), "^-?[0-9]+(\\.[0-9]+)? *(ppm|ppb)$".into());
        schema
    }
}

/// A rate, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RateLimit(pub(super) Option<u64>);

impl RateLimit {
    /// Reads it from text.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        match text.trim() {
            UNLIMITED => Ok(Self(None)),
            rate => Rate::read(rate).map(|rate| Self(Some(rate.0))),
        }
    }
}

/// How much may wait, before it is a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueueSize {
    Unlimited,
    Time(Duration),
    Bytes(u64),
    Packets(u32),
}

impl QueueSize {
    /// Reads it from text.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if text.trim() == UNLIMITED {
            return Ok(Self::Unlimited);
        }
        let (value, kind) = read(text, &QUEUE)?;
        if core::ptr::eq(kind, &TIME) {
            Ok(Self::Time(Duration::from_nanos(value)))
        } else if core::ptr::eq(kind, &SIZE) {
            Ok(Self::Bytes(value))
        } else {
            let packets = u32::try_from(value).map_err(|_| format!("expected {}, found \"{text}\": it is too large", expected(&QUEUE)))?;
            Ok(Self::Packets(packets))
        }
    }
}

/// Declares how a quantity that may also be `unlimited` comes from a file and what its schema is.
macro_rules! limit {
    ($name:ident, $kinds:expr) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::read(&Cow::<'de, str>::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let kinds: &[&Kind] = $kinds;
                let unlimited = json_schema!({ "type": "string", "const": UNLIMITED });
                json_schema!({ "anyOf": kinds.iter().map(|kind| schema_of(kind)).chain([unlimited]).collect::<Vec<_>>() })
            }
        }
    };
}

limit!(RateLimit, &[&RATE]);
limit!(QueueSize, &QUEUE);

/// A span of time in the largest unit that needs no fraction: `30 s`, `1500 ms`.
pub(super) struct InWords(pub(super) Duration);

impl fmt::Display for InWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns")];
        let (worth, unit) = units.into_iter().find(|(worth, _)| nanos.is_multiple_of(*worth)).expect("everything is a multiple of 1");
        write!(f, "{} {unit}", nanos / worth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time_ns(text: &str) -> u128 {
        Time::read(text).expect("a time").0.as_nanos()
    }

    #[test]
    fn quantities_are_exact() {
        assert_eq!(Rate::read("2.5 Mbps"), Ok(Rate(2_500_000)));
        assert_eq!(Rate::read("0.3Gbps"), Ok(Rate(300_000_000)), "0.3 is no binary fraction");
        assert_eq!(Rate::read(" 1234567.891 kbps "), Ok(Rate(1_234_567_891)));
        assert_eq!(Share::read("0.1 %"), Ok(Share(1_000_000)));
        assert_eq!(Share::read("100 %"), Ok(Share(1_000_000_000)));
        assert_eq!(Share::read("5 ppm"), Ok(Share(5_000)));
        assert_eq!(["1us", "1.5 ms", "60 s", "1 min"].map(time_ns), [1_000, 1_500_000, 60_000_000_000, 60_000_000_000]);
        assert_eq!(
            ["1 B", "1 kB", "1 KiB", "1.5 MiB"].map(|size| Size::read(size).map(|s| s.0)),
            [Ok(1), Ok(1000), Ok(1024), Ok(1_572_864)]
        );
        assert_eq!(Size::read("0.00000095367431640625 MiB"), Ok(Size(1)), "2 to the -20");
        assert_eq!(Rate::read("18446744073709551615 bps"), Ok(Rate(u64::MAX)));
        assert_eq!(Rate::read(&format!("1.{} kbps", "0".repeat(50))), Ok(Rate(1000)));
    }

    #[test]
    fn a_drift_has_a_sign() {
        assert_eq!(Drift::read("200 ppm"), Ok(Drift(200_000)));
        assert_eq!(Drift::read("-50.5 ppm"), Ok(Drift(-50_500)));
        assert_eq!(Drift::read(" -7ppb "), Ok(Drift(-7)));
        let wrong = Drift::read("-2 %").expect_err("no drift");
        assert_eq!(wrong, "expected a drift such as \"200 ppm\", found \"2 %\": no unit is called \"%\"; known: ppm, ppb");
        let much = Drift::read("200000 ppm").expect_err("too much");
        assert_eq!(much, "expected a drift such as \"200 ppm\", found \"200000 ppm\": a clock is wrong by 100000 ppm at most");
    }

    #[test]
    fn limits_may_be_unlimited() {
        assert_eq!(RateLimit::read("unlimited"), Ok(RateLimit(None)));
        assert_eq!(RateLimit::read("1 kbps"), Ok(RateLimit(Some(1000))));
        assert_eq!(QueueSize::read("unlimited"), Ok(QueueSize::Unlimited));
        assert_eq!(QueueSize::read("300 ms"), Ok(QueueSize::Time(Duration::from_millis(300))));
        assert_eq!(QueueSize::read("64 kB"), Ok(QueueSize::Bytes(64_000)));
        assert_eq!(QueueSize::read("1 packet"), Ok(QueueSize::Packets(1)));
    }

    #[test]
    fn what_is_no_quantity_is_told_why() {
        let rate = |text: &str| Rate::read(text).expect_err("no rate");
        assert_eq!(rate("-1 Mbps"), "expected a rate such as \"2.5 Mbps\", found \"-1 Mbps\": it cannot be negative");
        assert_eq!(rate("20"), "expected a rate such as \"2.5 Mbps\", found \"20\": the unit is missing; known: bps, kbps, Mbps, Gbps");
        assert_eq!(
            rate("2.5 mbps"),
            "expected a rate such as \"2.5 Mbps\", found \"2.5 mbps\": no unit is called \"mbps\"; did you mean \"Mbps\"?"
        );
        assert_eq!(
            rate("1 parsec"),
            "expected a rate such as \"2.5 Mbps\", found \"1 parsec\": no unit is called \"parsec\"; known: bps, kbps, Mbps, Gbps"
        );
        assert_eq!(rate("fast"), "expected a rate such as \"2.5 Mbps\", found \"fast\": it does not begin with a number");
        assert_eq!(rate("1.2.3 bps"), "expected a rate such as \"2.5 Mbps\", found \"1.2.3 bps\": it does not begin with a number");
        assert_eq!(
            rate("0.5 bps"),
            "expected a rate such as \"2.5 Mbps\", found \"0.5 bps\": it does not come to a whole number of bits per second"
        );
        assert_eq!(
            rate("20000000000 Gbps"),
            "expected a rate such as \"2.5 Mbps\", found \"20000000000 Gbps\": it is more than 18446744073709551615 bits per second"
        );
        assert_eq!(
            rate(&format!("1.{} Gbps", "1".repeat(60))).split(": ").last(),
            Some("it does not come to a whole number of bits per second")
        );
        assert_eq!(Share::read("101 %").expect_err("too much"), "expected a share such as \"0.1 %\", found \"101 %\": it is too large");
        assert_eq!(
            QueueSize::read("3 pakets").expect_err("a slip"),
            "expected a time such as \"20 ms\", a size such as \"64 kB\" or a number of packets such as \"100 packets\", found \"3 pakets\": \
             no unit is called \"pakets\"; did you mean \"packets\"?"
        );
    }

    #[test]
    fn spans_are_said_in_the_largest_whole_unit() {
        let said = [30_000_000_000, 1_500_000_000, 2_000, 7, 0].map(|nanos| InWords(Duration::from_nanos(nanos)).to_string());
        assert_eq!(said, ["30 s", "1500 ms", "2 us", "7 ns", "0 s"]);
    }
}
