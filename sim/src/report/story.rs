//! A viewer's timeline told in sentences, for those who do not see it and for those who want to know first what to look for.

use super::{
    quality::Quality,
    series::{StreamSeries, Stretch, ViewerSeries},
    timeline::is_about,
    units::{Count, Rate, Seconds, Span, counted},
};
use crate::record::{Entry, What};

/// Changes that are told one by one. A capacity that follows a trace has hundreds, and is told in one clause.
const ONE_BY_ONE: usize = 6;

/// What happened to a viewer, in a few sentences.
pub(super) fn tell(series: &ViewerSeries, capacity: &[Stretch], quality: &Quality, entries: &[Entry]) -> String {
    let mut sentences = vec![capacity_sentence(capacity)];
    sentences.extend(series.streams.iter().map(stream_sentence));
    sentences.extend(loss_sentence(&series.streams));
    if let Some((at, &peak_us)) = series.queue_us.iter().enumerate().rev().max_by_key(|&(_, us)| us)
        && peak_us >= 1_000
    {
        sentences.push(format!("The queue was longest at {}, with {}.", Seconds(series.times_ns[at]), Span(peak_us / 1000)));
    }
    sentences.push(freeze_sentence(&series.user, entries));
    sentences.extend(quality.sentences());
    sentences.join(" ")
}

fn capacity_sentence(capacity: &[Stretch]) -> String {
    let value = |rate: Option<u64>| rate.map_or("unlimited".to_owned(), |bps| Rate(bps).to_string());
    // Not limited is more than any limit.
    let order = |rate: Option<u64>| rate.unwrap_or(u64::MAX);
    let Some((first, rest)) = capacity.split_first() else {
        return "Nothing was measured.".into();
    };
    let mut changes = Vec::new();
    let mut before = first.value;
    for stretch in rest {
        if stretch.value != before {
            let verb = if order(stretch.value) < order(before) { "fell" } else { "rose" };
            changes.push(format!("{verb} to {} at {}", value(stretch.value), Seconds(stretch.from_ns)));
            before = stretch.value;
        }
    }
    match changes.len() {
        0 => format!("Capacity was {} throughout.", value(first.value)),
        1..=ONE_BY_ONE => format!("Capacity was {} at first, {}.", value(first.value), listed(&changes)),
        count => {
            let least = capacity.iter().map(|s| s.value).min_by_key(|&rate| order(rate)).flatten();
            let most = capacity.iter().map(|s| s.value).max_by_key(|&rate| order(rate)).flatten();
            format!("Capacity changed {} between {} and {}.", counted(count, "time", "times"), value(least), value(most))
        }
    }
}

fn stream_sentence(stream: &StreamSeries) -> String {
    let name = &stream.name;
    if stream.layers.is_empty() {
        return format!("No video layer of {name} was forwarded.");
    }
    let shown = |layer: Option<usize>| layer.map_or("nothing", |place| &stream.layers[place]);
    let mut steps: Vec<(&str, u64)> = Vec::new();
    for band in &stream.bands {
        let layer = shown(band.layer);
        let waits_for_its_first = steps.is_empty() && band.layer.is_none();
        if !waits_for_its_first && steps.last().is_none_or(|&(last, _)| last != layer) {
            steps.push((layer, band.from_ns));
        }
    }
    if steps.len() <= ONE_BY_ONE {
        let told: Vec<String> = steps.iter().map(|&(layer, from_ns)| format!("{layer} from {}", Seconds(from_ns))).collect();
        return format!("Of {name} it got {}.", listed(&told));
    }
    let mut time_ns = vec![0_u64; stream.layers.len()];
    for band in &stream.bands {
        if let Some(place) = band.layer {
            time_ns[place] += band.to_ns - band.from_ns;
        }
    }
    let all_ns = time_ns.iter().sum::<u64>().max(1);
    let shares: Vec<String> = (stream.layers.iter().zip(&time_ns))
        .map(|(layer, &ns)| format!("{layer} for {} %", u128::from(ns) * 100 / u128::from(all_ns)))
        .collect();
    format!("The layer of {name} changed {}; it got {} of the time.", counted(steps.len() - 1, "time", "times"), listed(&shares))
}

fn loss_sentence(streams: &[StreamSeries]) -> Option<String> {
    let lost = streams.iter().map(|stream| stream.lost_packets).fold(0, u64::saturating_add);
    match lost {
        0 => None,
        1 => Some("One packet was missing at the end.".into()),
        _ => Some(format!("{} packets were missing at the end.", Count(lost))),
    }
}

fn freeze_sentence(user: &str, entries: &[Entry]) -> String {
    let freezes = entries.iter().filter(|entry| is_about(entry, user)).filter_map(|entry| match entry.what {
        What::Freeze { duration_ms, .. } => Some(duration_ms),
        _ => None,
    });
    let (count, total_ms) = freezes.fold((0, 0_u64), |(count, total), ms| (count + 1, total.saturating_add(ms)));
    match count {
        0 => "The picture never froze.".into(),
        1 => format!("The picture froze once, for {}.", Span(total_ms)),
        _ => format!("The picture froze {count} times, for {} in all.", Span(total_ms)),
    }
}

/// The items one by one, or the first of them and how many there are.
pub(super) fn told(items: &[String]) -> String {
    match items {
        [first, ..] if items.len() > ONE_BY_ONE => format!("{first} and {} more times", items.len() - 1),
        _ => listed(items),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(value: Option<u64>, from_s: u64, to_s: u64) -> Stretch {
        Stretch { value, from_ns: from_s * 1_000_000_000, to_ns: to_s * 1_000_000_000 }
    }

    #[test]
    fn a_capacity_that_changes_a_few_times_is_told_change_by_change() {
        let capacity = [stretch(Some(2_500_000), 0, 20), stretch(Some(600_000), 20, 40), stretch(None, 40, 60)];
        let told = capacity_sentence(&capacity).replace('\u{a0}', " ");
        assert_eq!(told, "Capacity was 2.5 Mbps at first, fell to 600 kbps at 20 s and rose to unlimited at 40 s.");
    }

    #[test]
    fn a_capacity_that_follows_a_trace_is_told_by_its_range() {
        let capacity: Vec<Stretch> = (0..50).map(|n| stretch(Some(1_000_000 + n % 5 * 100_000), n, n + 1)).collect();
        let told = capacity_sentence(&capacity).replace('\u{a0}', " ");
        assert_eq!(told, "Capacity changed 49 times between 1 Mbps and 1.4 Mbps.");
    }

    #[test]
    fn lists_read_as_sentences() {
        let words: Vec<String> = ["a", "b", "c"].map(String::from).into();
        assert_eq!(listed(&words), "a, b and c");
        assert_eq!(listed(&words[..1]), "a");
    }
}
