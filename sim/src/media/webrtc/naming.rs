//! How tracks and layers are called in RTP.

use greenroom_core::{
    id::{LayerId, Rid, StreamId},
    limits::LAYERS_PER_STREAM,
    stream::TrackKind,
};
use str0m::{media::Mid, rtp::Ssrc};

use crate::media::{End, TrackId};

/// A rid as str0m writes it: eight characters.
pub(super) type WireRid = str0m::media::Rid;

/// The media id of a track: `v7` for the video of stream 7, `a7` for its audio.
pub(super) fn mid_of(track: TrackId) -> Mid {
    let kind = match track.kind {
        TrackKind::Audio => 'a',
        TrackKind::Video => 'v',
    };
    Mid::from(&*format!("{kind}{}", track.stream.0))
}

/// The track of a media id.
pub(super) fn track_of(mid: Mid) -> Option<TrackId> {
    let (kind, stream) = mid.split_at_checked(1)?;
    let kind = match kind {
        "a" => TrackKind::Audio,
        "v" => TrackKind::Video,
        _ => return None,
    };
    let stream = StreamId(stream.parse().ok()?);
    Some(TrackId { stream, kind })
}

/// The layer at that place of a ladder.
pub(super) fn layer_id(at: usize) -> Option<LayerId> {
    u8::try_from(at).ok().map(LayerId)
}

/// The rids as they travel: their own text if all of it fits, or else their places in the ladder.
pub(super) fn wire_rids(rids: &[Rid]) -> Vec<WireRid> {
    let rids = &rids[..rids.len().min(LAYERS_PER_STREAM)];
    if rids.iter().all(|rid| rid.as_str().len() <= 8) {
        rids.iter().map(|rid| WireRid::from(rid.as_str())).collect()
    } else {
        (0..rids.len()).map(|at| WireRid::from(&*at.to_string())).collect()
    }
}

/// The SSRC of one layer of the `nth` track (from 1) that an end sends: unlike all others of both ends, and never 0, which is for probes. From high to low: one bit for the end, 27 for
/// the track, three for the layer and one for retransmissions. A track that starts again counts anew, because its sequence numbers may.
pub(super) fn ssrc(end: End, nth: u32, layer: usize) -> Ssrc {
    let end = match end {
        End::Client => 0,
        End::Server => 1 << 31,
    };
    let layer = u32::try_from(layer).expect("layers are at most LAYERS_PER_STREAM");
    Ssrc::from(end | ((nth & 0x07FF_FFFF) << 4) | (layer << 1))
}

/// The SSRC of what is sent again of another.
pub(super) fn retransmission_of(ssrc: Ssrc) -> Ssrc {
    Ssrc::from(*ssrc | 1)
}

/// Whether a datagram is RTP with such an SSRC, which is readable whether or not the rest is encrypted (RFC 3711 section 3.1).
pub(in crate::media) fn is_repeat(datagram: &[u8]) -> bool {
    matches!(datagram, [first, _, _, _, _, _, _, _, _, _, _, last, ..] if first >> 6 == 2 && !is_report(datagram) && last & 1 == 1)
}

/// Whether a datagram is RTCP, which is readable too (RFC 3711 section 3.4). STUN and DTLS begin with other bits (RFC 7983), and the second byte of RTP is not between 192 and 223 (RFC 5761 section 4).
pub(in crate::media) fn is_report(datagram: &[u8]) -> bool {
    matches!(datagram, [first, 192..224, ..] if first >> 6 == 2)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_sent_again_is_known_by_its_ssrc() {
        let rtp = |second: u8, ssrc: Ssrc| [&[0x90, second, 0, 1, 0, 0, 0, 0][..], &ssrc.to_be_bytes(), &[0; 8]].concat();
        let video = ssrc(End::Client, 1, 0);
        assert!(is_repeat(&rtp(97, retransmission_of(video))) && is_repeat(&rtp(0x61 | 0x80, retransmission_of(video))));
        assert!(!is_repeat(&rtp(96, video)) && !is_repeat(&rtp(205, retransmission_of(video))), "the first time, and a report");
        assert!(!is_repeat(&[0, 1, 0, 8, 0x21, 0x12, 0xA4, 0x42, 1, 1, 1, 1, 1]) && !is_repeat(&[0x90; 11]), "STUN, and too short");
    }

    #[test]
    fn reports_are_known_by_their_second_byte() {
        // A receiver report, transport-wide feedback, a request for a key frame.
        assert!([201, 205, 206].iter().all(|second| is_report(&[0x81, *second, 0, 7])));
        let others: [&[u8]; 6] = [&[0x90, 96, 0, 1], &[0x90, 224, 0, 1], &[0, 201, 0, 8], &[22, 254, 253, 0], &[0x80], &[]];
        assert!(!others.iter().any(|other| is_report(other)), "RTP with and without a marker, what may be STUN, DTLS, and too short");
    }

    #[test]
    fn a_media_id_names_its_track_and_nothing_else_does() {
        for kind in [TrackKind::Audio, TrackKind::Video] {
            for stream in [0, 7, u32::MAX] {
                let track = TrackId { stream: StreamId(stream), kind };
                assert_eq!(track_of(mid_of(track)), Some(track));
            }
        }
        for other in ["", "v", "x7", "v-1", "v4294967296", "probe"] {
            assert_eq!(track_of(Mid::from(other)), None, "{other}");
        }
    }

    #[test]
    fn long_rids_travel_as_numbers() {
        let rids =
            |texts: [&str; 2]| wire_rids(&texts.map(|text| Rid::new(text).unwrap())).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(rids(["low", "eightchr"]), ["low", "eightchr"]);
        assert_eq!(rids(["low", "ninechars"]), ["0", "1"]);
    }

    #[test]
    fn no_two_encodings_share_an_ssrc() {
        let mut seen = BTreeSet::from([0]);
        for end in [End::Client, End::Server] {
            for nth in 1..100 {
                for layer in 0..LAYERS_PER_STREAM {
                    let main = ssrc(end, nth, layer);
                    assert!(seen.insert(*main) && seen.insert(*retransmission_of(main)), "{end:?} {nth} {layer}");
                }
            }
        }
    }
}
