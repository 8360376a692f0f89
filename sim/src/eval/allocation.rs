//! Which layer of each stream fits a budget.

use std::collections::BTreeMap;

use greenroom_core::{
    id::{LayerId, StreamId, TemporalId},
    select::{Allocation, Budget, Demand, Estimate, Layer, Offer, Planner, Priority, Reason, Rung, Source, Trust, Wish},
    stream::BitsPerSecond,
    time::Instant,
};
use serde_json::{Map, Value};

use super::{
    Answer, CaseError,
    field::{Fields, describe},
};

/// Highest rate that is read, in bits per second: above it a number in JSON may have lost digits (RFC 8259 section 6).
const BPS_MAX: u64 = (1 << 53) - 1;
/// Most streams of a case. A choice: no screen shows more, and a wrong file is told apart from a large one.
const STREAMS_MAX: usize = 1000;
/// Most layers of a stream: spatial and temporal layers are counted by bytes.
const LAYERS_MAX: usize = 255;

/// `budget_bps`, `streams` → `layers` and `reasons` by stream, `used_bps`, `minimum_bps`, `desired_bps`.
pub(super) fn allocation(fields: Fields<'_>) -> Result<Answer, CaseError> {
    let budget_bps = rate(&Place::top("budget_bps"), fields.get("budget_bps"))?;
    let streams = streams(fields)?;
    let allocation = plan(&mut Planner::default(), Budget::of(budget_bps), &streams);
    let reasons = allocation.choices.iter().map(|choice| (name(&streams, choice.stream), told(choice.reason, &streams).into()));
    Ok(Answer::default()
        .with("layers", layers(&allocation, &streams))
        .with("used_bps", allocation.used_bps)
        .with("minimum_bps", allocation.minimum_bps)
        .with("desired_bps", allocation.desired_bps)
        .with("reasons", reasons.collect::<Map<String, Value>>()))
}

/// `budgets_bps`, `streams` → for each budget `layers` and `used_bps`: as rows in `steps`, and as columns.
pub(super) fn allocation_ramp(fields: Fields<'_>) -> Result<Answer, CaseError> {
    let budgets = fields.get("budgets_bps").and_then(Value::as_array).ok_or_else(|| fields.wrong("budgets_bps", "a list of rates"))?;
    let budgets: Vec<BitsPerSecond> =
        budgets.iter().enumerate().map(|(at, bps)| rate(&Place::item("budgets_bps", at), Some(bps))).collect::<Result<_, _>>()?;
    let mut viewer = Viewer { streams: streams(fields)?, trust: Trust::new(0), planner: Planner::default(), now: Instant::ZERO };
    let (mut steps, mut columns, mut used) = (Vec::new(), Vec::new(), Vec::new());
    for (at, budget_bps) in (0..).zip(budgets) {
        let allocation = viewer.estimate(Instant::from_secs(at), budget_bps);
        let layers = layers(&allocation, &viewer.streams);
        steps.push(serde_json::json!({ "budget_bps": budget_bps, "layers": layers, "used_bps": allocation.used_bps }));
        columns.push(Value::from(layers));
        used.push(Value::from(allocation.used_bps));
    }
    Ok(Answer::default().with("steps", steps).with("layers", columns).with("used_bps", used))
}

/// A subscriber to whom time passes: its budgets are estimates, which are believed as a room believes them.
struct Viewer {
    streams: Vec<Stream>,
    trust: Trust,
    planner: Planner,
    now: Instant,
}

impl Viewer {
    /// An estimate comes, after all that falls due before it.
    fn estimate(&mut self, now: Instant, bps: BitsPerSecond) -> Allocation {
        while let Some(at) = self.trust.poll_timeout(self.now).filter(|at| *at < now) {
            self.now = at;
            self.plan();
        }
        self.now = now;
        self.trust.handle_estimate(now, Estimate { bps, application_limited: false });
        self.plan()
    }

    fn plan(&mut self) -> Allocation {
        let mut allocation = plan(&mut self.planner, self.trust.budget(self.now), &self.streams);
        let place = |stream: &Stream, layer: Option<Layer>| stream.rungs.iter().position(|rung| Some(rung.layer) == layer);
        let pairs = || allocation.choices.iter().map(|choice| (&self.streams[at(choice.stream)], choice.layer));
        if pairs().any(|(stream, layer)| place(stream, layer) < place(stream, stream.current)) {
            let budget = self.trust.lowered(self.now);
            allocation = plan(&mut self.planner, budget, &self.streams);
        } else if pairs().any(|(stream, layer)| layer != stream.current) {
            self.trust.raised(self.now);
        }
        for choice in &allocation.choices {
            self.streams[at(choice.stream)].current = choice.layer;
        }
        allocation
    }
}

/// A stream of a case. Its number in the plan is its place in the case.
struct Stream {
    id: String,
    source: Source,
    priority: Priority,
    insists: bool,
    rungs: Vec<Rung>,
    /// What the case calls the layers.
    names: BTreeMap<Layer, String>,
    current: Option<Layer>,
}

fn plan(planner: &mut Planner, budget: Budget, streams: &[Stream]) -> Allocation {
    let demand = |(number, stream)| {
        let &Stream { source, priority, insists, ref rungs, current, .. } = stream;
        Demand { stream: StreamId(number), source, priority, insists, rungs, current }
    };
    let demands: Vec<Demand<'_>> = (0..).zip(streams).map(demand).collect();
    planner.plan(budget, &demands).clone()
}

fn at(stream: StreamId) -> usize {
    usize::try_from(stream.0).expect("it is a place in a list")
}

fn name(streams: &[Stream], stream: StreamId) -> String {
    streams[at(stream)].id.clone()
}

/// What each stream gets: the layer's id, or null.
fn layers(allocation: &Allocation, streams: &[Stream]) -> Map<String, Value> {
    let choices = allocation.choices.iter().map(|choice| {
        let stream = &streams[at(choice.stream)];
        (stream.id.clone(), choice.layer.map_or(Value::Null, |layer| stream.names[&layer].clone().into()))
    });
    choices.collect()
}

/// A reason in words, with the case's own names.
fn told(reason: Reason, streams: &[Stream]) -> String {
    match reason {
        Reason::Behind { stream, needs_bps, budget_bps } => {
            let (needs_kbps, budget_kbps) = (needs_bps.div_ceil(1000), budget_bps / 1000);
            format!("the next layer of {} goes first, and needs {needs_kbps} kbps of {budget_kbps} kbps", name(streams, stream))
        }
        Reason::Highest | Reason::Budget { .. } | Reason::Settling { .. } | Reason::NoLayer => reason.to_string(),
    }
}

fn streams(fields: Fields<'_>) -> Result<Vec<Stream>, CaseError> {
    let rows = fields.get("streams").and_then(Value::as_array).filter(|rows| rows.len() <= STREAMS_MAX);
    let rows = rows.ok_or_else(|| fields.wrong("streams", format!("a list of at most {STREAMS_MAX} objects")))?;
    let mut streams: Vec<Stream> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let place = Place::item("streams", at);
        let stream = stream(&place, row)?;
        if streams.iter().any(|other| other.id == stream.id) {
            return Err(place.inside("id").wrong(row.get("id"), "an id that no stream before it has"));
        }
        streams.push(stream);
    }
    let priorities = priorities(rows)?;
    for (stream, priority) in streams.iter_mut().zip(priorities) {
        stream.priority = priority;
    }
    Ok(streams)
}

/// The priorities of the streams: any whole numbers, of which only the order matters.
fn priorities(rows: &[Value]) -> Result<Vec<Priority>, CaseError> {
    let read = |(at, row): (usize, &Value)| {
        let place = Place::item("streams", at).inside("priority");
        let value = present(row, "priority");
        value.and_then(Value::as_i64).ok_or_else(|| place.wrong(value, "a whole number, higher for what goes first"))
    };
    let priorities: Vec<i64> = rows.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    let mut ranks = priorities.clone();
    ranks.sort_unstable();
    ranks.dedup();
    let rank = |priority: &i64| {
        let rank = ranks.partition_point(|other| other < priority);
        u8::try_from(rank)
            .map(Priority)
            .map_err(|_| CaseError::Together("streams: found more than 256 different priorities, expected fewer".into()))
    };
    priorities.iter().map(rank).collect()
}

fn stream(place: &Place, row: &Value) -> Result<Stream, CaseError> {
    if !row.is_object() {
        return Err(place.wrong(Some(row), "an object with id, source, priority, max_height and layers"));
    }
    let id = text(&place.inside("id"), present(row, "id"))?;
    let source = match present(row, "source").and_then(Value::as_str) {
        Some("camera") => Source::Camera,
        Some("screen") => Source::Screen,
        _ => return Err(place.inside("source").wrong(present(row, "source"), "camera or screen")),
    };
    let height = |name: &str| -> Result<Option<u16>, CaseError> {
        let value = present(row, name);
        let read = |value: &Value| {
            let height = value.as_u64().and_then(|height| u16::try_from(height).ok());
            height.ok_or_else(|| place.inside(name).wrong(Some(value), "a height in pixels, at most 65535"))
        };
        value.map(read).transpose()
    };
    let max = height("max_height")?.ok_or_else(|| place.inside("max_height").wrong(None, "a height in pixels, at most 65535"))?;
    let min = height("min_height")?;
    let (offers, names) = offers(place, row)?;
    let mut rungs = Vec::new();
    Wish { source, min_short_side: min, max_short_side: Some(max) }.ladder(&offers, &mut rungs);
    Ok(Stream { id, source, priority: Priority::default(), insists: min.is_some_and(|min| min > 0), rungs, names, current: None })
}

/// The layers of a stream, and what the case calls them. Those of one height are its temporal layers, in order of their pictures per second.
fn offers(place: &Place, row: &Value) -> Result<(Vec<Offer>, BTreeMap<Layer, String>), CaseError> {
    let place = place.inside("layers");
    let rows = present(row, "layers").and_then(Value::as_array).filter(|rows| rows.len() <= LAYERS_MAX);
    let rows = rows.ok_or_else(|| place.wrong(present(row, "layers"), format!("a list of at most {LAYERS_MAX} objects")))?;
    let mut read: Vec<(u16, f64, BitsPerSecond, String)> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let place = place.at(at);
        if !row.is_object() {
            return Err(place.wrong(Some(row), "an object with id, height, fps and bps"));
        }
        let id = text(&place.inside("id"), present(row, "id"))?;
        if read.iter().any(|(.., other)| *other == id) {
            return Err(place.inside("id").wrong(row.get("id"), "an id that no layer before it has"));
        }
        let height =
            present(row, "height").and_then(Value::as_u64).and_then(|height| u16::try_from(height).ok()).filter(|height| *height > 0);
        let height = height.ok_or_else(|| place.inside("height").wrong(present(row, "height"), "a height in pixels, from 1 to 65535"))?;
        let fps = present(row, "fps").and_then(Value::as_f64).filter(|fps| *fps >= 0.0);
        let fps = fps.ok_or_else(|| place.inside("fps").wrong(present(row, "fps"), "a number of pictures per second, not negative"))?;
        read.push((height, fps, rate(&place.inside("bps"), present(row, "bps"))?, id));
    }
    read.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
    let (mut offers, mut names) = (Vec::new(), BTreeMap::new());
    let (mut spatial, mut temporal) = (0, 0);
    for (at, (height, _, bps, id)) in read.iter().enumerate() {
        let is_same = at > 0 && read[at - 1].0 == *height;
        (spatial, temporal) = if at == 0 { (0, 0) } else { (spatial + u8::from(!is_same), if is_same { temporal + 1 } else { 0 }) };
        let layer = Layer { spatial: LayerId(spatial), temporal: TemporalId(temporal) };
        offers.push(Offer { rung: Rung { layer, bps: *bps }, short_side: *height });
        names.insert(layer, id.clone());
    }
    Ok((offers, names))
}

/// A rate in bits per second.
fn rate(place: &Place, value: Option<&Value>) -> Result<BitsPerSecond, CaseError> {
    let bps = value.and_then(whole).filter(|bps| *bps <= BPS_MAX);
    bps.ok_or_else(|| place.wrong(value, format!("a rate in bits per second: a whole number from 0 to {BPS_MAX}")))
}

/// A number that has no fraction, however it is written: JSON does not tell 1000000 from 1e6.
fn whole(value: &Value) -> Option<u64> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "up to there each whole number is a float"
    )]
    let from_float = |number: f64| (number.fract() == 0.0 && (0.0..=BPS_MAX as f64).contains(&number)).then_some(number as u64);
    value.as_u64().or_else(|| value.as_f64().and_then(from_float))
}

fn text(place: &Place, value: Option<&Value>) -> Result<String, CaseError> {
    value.and_then(Value::as_str).map(str::to_owned).ok_or_else(|| place.wrong(value, "a text"))
}

/// A field of an object. One that is null is as good as absent.
fn present<'c>(row: &'c Value, name: &str) -> Option<&'c Value> {
    row.get(name).filter(|value| !value.is_null())
}

/// Where a value stands in a case, for errors.
struct Place(String);

impl Place {
    fn top(name: &str) -> Self {
        Self(name.to_owned())
    }

    fn item(name: &str, at: usize) -> Self {
        Self(format!("{name}[{at}]"))
    }

    fn inside(&self, name: &str) -> Self {
        Self(format!("{}.{name}", self.0))
    }

    fn at(&self, at: usize) -> Self {
        Self(format!("{}[{at}]", self.0))
    }

    fn wrong(&self, found: Option<&Value>, expected: impl AsRef<str>) -> CaseError {
        let found = found.map_or_else(|| "nothing".to_owned(), describe);
        CaseError::Together(format!("{}: found {found}, expected {}", self.0, expected.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Three simulcast encodings at 7.5, 15 and 30 pictures a second: the ladder of Jitsi Videobridge's tests.
    const LADDER: [(&str, u16, f64, u64); 9] = [
        ("ld7_5", 180, 7.5, 49_500),
        ("ld15", 180, 15.0, 99_000),
        ("ld30", 180, 30.0, 150_000),
        ("sd7_5", 360, 7.5, 165_000),
        ("sd15", 360, 15.0, 330_000),
        ("sd30", 360, 30.0, 500_000),
        ("hd7_5", 720, 7.5, 660_000),
        ("hd15", 720, 15.0, 1_320_000),
        ("hd30", 720, 30.0, 2_000_000),
    ];

    fn stream(id: &str, priority: i64, max_height: u16) -> Value {
        let layers: Vec<Value> =
            LADDER.iter().map(|(id, height, fps, bps)| json!({"id": id, "height": height, "fps": fps, "bps": bps})).collect();
        json!({"id": id, "source": "camera", "priority": priority, "max_height": max_height, "layers": layers})
    }

    fn tile() -> Value {
        json!(["A", "B", "C", "D"].map(|id| stream(id, 0, 720)))
    }

    fn stage() -> Value {
        json!([stream("A", 1, 720), stream("B", 0, 180), stream("C", 0, 180), stream("D", 0, 180)])
    }

    fn ask(case: &Value) -> Value {
        serde_json::to_value(crate::eval::answer(case.to_string().as_bytes())).expect("a reply is JSON")
    }

    fn bps_of(layer: &Value) -> u64 {
        layer.as_str().map_or(0, |id| LADDER.iter().find(|(name, ..)| *name == id).expect("a layer of the ladder").3)
    }

    #[test]
    fn a_rising_ramp_lowers_nobody_and_fills_what_it_can() {
        let budgets: Vec<u64> = (1..=1000).map(|step| step * 10_000).collect();
        for (streams, least_utilisation) in [(tile(), 0.922), (stage(), 0.549)] {
            let ramp = ask(&json!({"kind": "allocation_ramp", "streams": streams, "budgets_bps": budgets}));
            let (mut before, mut utilisation) = ([0; 4], 0.0);
            for (at, budget_bps) in budgets.iter().enumerate() {
                let step = &ramp["steps"][at];
                let now = ["A", "B", "C", "D"].map(|id| bps_of(&step["layers"][id]));
                assert!(now.iter().zip(before).all(|(now, before)| *now >= before), "{before:?} became {step}");
                let used_bps: u64 = now.iter().sum();
                assert!(used_bps <= *budget_bps && step["used_bps"] == used_bps && step["budget_bps"] == *budget_bps, "{step}");
                assert_eq!((&step["layers"], &step["used_bps"]), (&ramp["layers"][at], &ramp["used_bps"][at]));
                let alone = ask(&json!({"kind": "allocation", "streams": streams, "budget_bps": budget_bps}));
                assert_eq!(alone["layers"], step["layers"], "what is had makes no difference on a clean rise");
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                let share = used_bps as f64 / *budget_bps as f64;
                (before, utilisation) = (now, utilisation + share / 1000.0);
            }
            assert!(utilisation >= least_utilisation, "{utilisation}");
        }
    }

    #[test]
    fn an_answer_says_what_why_and_what_to_probe_for() {
        let answer = ask(&json!({"id": 1, "kind": "allocation", "budget_bps": 1_000_000, "streams": stage()}));
        assert_eq!(answer["layers"], json!({"A": "sd30", "B": "ld30", "C": "ld30", "D": "ld30"}));
        assert_eq!(
            (&answer["used_bps"], &answer["minimum_bps"], &answer["desired_bps"]),
            (&json!(950_000), &json!(1_110_000), &json!(2_450_000))
        );
        assert_eq!(
            answer["reasons"],
            json!({
                "A": "the next layer needs 1110 kbps of 1000 kbps",
                "B": "it is the highest wanted layer that flows",
                "C": "it is the highest wanted layer that flows",
                "D": "it is the highest wanted layer that flows",
            })
        );
    }

    #[test]
    fn a_ramp_goes_down_at_once_and_is_not_moved_by_a_waver() {
        let ask = |budgets: &[u64]| -> Vec<Value> {
            let ramp = ask(&json!({"kind": "allocation_ramp", "streams": [stream("A", 0, 720)], "budgets_bps": budgets}));
            ramp["layers"].as_array().expect("one for each budget").iter().map(|layers| layers["A"].clone()).collect()
        };
        let down = ask(&[2_000_000, 600_000]);
        assert_eq!(down[0], "hd30");
        assert!(bps_of(&down[1]) > 0 && bps_of(&down[1]) <= 600_000, "{down:?}");
        let wavering: Vec<u64> = (0..120).map(|at| if at % 2 == 0 { 700_000 } else { 620_000 }).collect();
        let layers = ask(&wavering);
        let switches = layers.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(switches <= 4, "{switches} in two minutes: {layers:?}");
    }

    // R-118 R-119
    #[test]
    fn pictures_are_as_large_as_is_wanted_and_worth_having() {
        let at = |budget_bps: u64, min: Value, max: u16| {
            let mut stream = stream("A", 0, max);
            stream["min_height"] = min;
            ask(&json!({"kind": "allocation", "budget_bps": budget_bps, "streams": [stream]}))["layers"]["A"].clone()
        };
        assert_eq!(at(9_000_000, Value::Null, 400), "sd30");
        assert_eq!(at(9_000_000, Value::Null, 100), "ld30", "a picture that is scaled down is better than none");
        assert_eq!(at(9_000_000, Value::Null, 0), Value::Null);
        assert_eq!(at(600_000, json!(720), 720), Value::Null);
        assert_eq!(at(700_000, json!(720), 720), "hd7_5");
        assert_eq!(at(700_000, json!(1080), 720), "hd7_5", "where nothing is large enough, the largest is kept");
    }

    #[test]
    fn what_is_wrong_is_said_where_it_is() {
        let mut case = json!({"kind": "allocation", "budget_bps": 1_000_000, "streams": stage()});
        assert_eq!(ask(&case)["error"], Value::Null);
        let good = case.clone();
        for (pointer, value, error) in [
            (
                "/budget_bps",
                json!(-1),
                "budget_bps: found -1, expected a rate in bits per second: a whole number from 0 to 9007199254740991",
            ),
            ("/budget_bps", json!(10_000_000_000_000_000_000_u64), "budget_bps: found 10000000000000000000, expected a rate"),
            ("/budget_bps", json!(0.5), "budget_bps: found 0.5, expected a rate"),
            ("/budget_bps", json!("1"), "budget_bps: found \"1\", expected a rate"),
            ("/budget_bps", Value::Null, "budget_bps: found nothing, expected a rate"),
            ("/streams", json!({}), "streams: found an object, expected a list of at most 1000 objects"),
            ("/streams/1", json!(7), "streams[1]: found 7, expected an object with id, source, priority, max_height and layers"),
            ("/streams/1/id", json!("A"), "streams[1].id: found \"A\", expected an id that no stream before it has"),
            ("/streams/1/id", Value::Null, "streams[1].id: found nothing, expected a text"),
            ("/streams/2/source", json!("window"), "streams[2].source: found \"window\", expected camera or screen"),
            ("/streams/2/priority", json!(0.5), "streams[2].priority: found 0.5, expected a whole number, higher for what goes first"),
            ("/streams/2/max_height", Value::Null, "streams[2].max_height: found nothing, expected a height in pixels, at most 65535"),
            ("/streams/2/max_height", json!(65536), "streams[2].max_height: found 65536, expected a height"),
            ("/streams/0/layers", Value::Null, "streams[0].layers: found nothing, expected a list of at most 255 objects"),
            ("/streams/0/layers/3", json!([1]), "streams[0].layers[3]: found an array, expected an object with id, height, fps and bps"),
            (
                "/streams/0/layers/3/id",
                json!("ld15"),
                "streams[0].layers[3].id: found \"ld15\", expected an id that no layer before it has",
            ),
            ("/streams/0/layers/3/height", json!(0), "streams[0].layers[3].height: found 0, expected a height in pixels, from 1 to 65535"),
            (
                "/streams/0/layers/3/fps",
                json!(-7.5),
                "streams[0].layers[3].fps: found -7.5, expected a number of pictures per second, not negative",
            ),
            ("/streams/0/layers/3/bps", json!(-165_000), "streams[0].layers[3].bps: found -165000, expected a rate"),
            ("/streams/0/layers/3/bps", json!(165_000.5), "streams[0].layers[3].bps: found 165000.5, expected a rate"),
            ("/streams/0/layers/3/bps", json!(1e19), "streams[0].layers[3].bps: found 1e+19, expected a rate"),
            ("/streams/0/layers/3/bps", json!("165k"), "streams[0].layers[3].bps: found \"165k\", expected a rate"),
        ] {
            *case.pointer_mut(pointer).expect("it is there") = value;
            let answer = ask(&case);
            assert!(answer["error"].as_str().is_some_and(|told| told.starts_with(error)), "{pointer}: {answer}\n{error}");
            case.clone_from(&good);
        }
        case["kind"] = "allocation_ramp".into();
        assert_eq!(ask(&case)["error"], "budgets_bps: found nothing, expected a list of rates");
        case["budgets_bps"] = json!([1, -1]);
        assert!(ask(&case)["error"].as_str().is_some_and(|error| error.starts_with("budgets_bps[1]: found -1, expected a rate")));
    }

    #[test]
    fn any_numbers_will_do_for_priorities() {
        let ask = |a: i64, b: i64| {
            ask(&json!({"kind": "allocation", "budget_bps": 90_000, "streams": [stream("A", a, 720), stream("B", b, 720)]}))["layers"]
                .clone()
        };
        assert_eq!(ask(-5, 1_000_000), json!({"A": null, "B": "ld7_5"}));
        assert_eq!(ask(7, 7), json!({"A": "ld7_5", "B": null}));
        // A rate is a whole number, however it is written.
        let written = br#"{"kind":"allocation","budget_bps":1e6,"streams":[]}"#;
        assert_eq!(serde_json::to_value(crate::eval::answer(written)).expect("a reply is JSON")["used_bps"], 0);
    }
}
