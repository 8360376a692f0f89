//! The VP8 RTP payload descriptor (RFC 7741 section 4.2): what a packet says about its picture without any decoding.
//!
//! ```text
//!   bit  0 1 2 3 4 5 6 7
//!       |X|R|N|S|R| PID |     always                              PID: partition of the picture, S: the packet begins it
//!  X=1  |I|L|T|K|  RSV  |     which of the following are there
//!  I=1  |M| PictureID   |     7 bits, or with M=1 a second byte:  15 bits
//!  L=1  |   TL0PICIDX   |     counts the pictures of the base temporal layer
//!  T|K  |TID|Y| KEYIDX  |     temporal layer, sync point, and a count of key frames
//!       |S0 |H| VER |P| …     the VP8 data; its first byte is the payload header if S=1 and PID=0. P=0 means key frame (RFC 7741 section 4.3)
//! ```
//!
//! A forwarder reads where key frames start and replaces the two numbers that must not jump when it changes layers ([`Picture`]). KEYIDX is left as it comes: it counts
//! within one encoding, and picture id and TL0PICIDX already tell a receiver what follows what.

/// Picture ids count modulo this, and short ones modulo the second (RFC 7741 section 4.2).
pub const PICTURE_IDS: u16 = 1 << 15;
/// See [`PICTURE_IDS`].
pub const SHORT_PICTURE_IDS: u16 = 1 << 7;

const X: u8 = 0x80;
const S: u8 = 0x10;
const PID: u8 = 0x07;
const I: u8 = 0x80;
const L: u8 = 0x40;
const T: u8 = 0x20;
const K: u8 = 0x10;
const M: u8 = 0x80;
const Y: u8 = 0x20;
const KEYIDX: u8 = 0x1f;
const P: u8 = 0x01;

/// What a VP8 payload descriptor says, and whether a key frame starts behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "they are bits of a header, and a reader looks for them by name")]
pub struct Descriptor {
    /// The picture's number, if it carries one: 15 bits, or 7 where [`long_picture_id`](Self::long_picture_id) is false.
    pub picture_id: Option<u16>,
    /// Whether the picture id has 15 bits. A sender may go over to them where the 7 run out (RFC 7741 section 4.2).
    pub long_picture_id: bool,
    /// The running number of the base temporal layer's picture that this one is or rests on.
    pub tl0_pic_idx: Option<u8>,
    /// The temporal layer, 0 to 3.
    pub temporal_id: Option<u8>,
    /// Whether the picture rests on the base temporal layer alone, so that a receiver may start with its temporal layer here (Y).
    pub layer_sync: bool,
    /// A count of key frames, 5 bits.
    pub key_idx: Option<u8>,
    /// Whether the packet is the first of its picture (S=1 and PID=0).
    pub start_of_frame: bool,
    /// Whether the packet is the first of a key frame.
    pub key_frame: bool,
}

/// A picture's numbers, as a receiver is to see them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Picture {
    /// The 15-bit picture id. A descriptor with 7 bits takes the lower ones.
    pub picture_id: u16,
    /// The index of the last base temporal layer picture.
    pub tl0_pic_idx: u8,
}

impl Picture {
    /// Of each number the one that is ahead of the other, counted the short way round.
    pub(crate) const fn or_newer(self, other: Self) -> Self {
        let ids_ahead = other.picture_id.wrapping_sub(self.picture_id) % PICTURE_IDS;
        let index_ahead = other.tl0_pic_idx.wrapping_sub(self.tl0_pic_idx);
        Self {
            picture_id: if ids_ahead < PICTURE_IDS / 2 { other.picture_id } else { self.picture_id },
            tl0_pic_idx: if index_ahead < 1 << 7 { other.tl0_pic_idx } else { self.tl0_pic_idx },
        }
    }
}

impl Descriptor {
    /// Reads the descriptor at the head of an RTP payload. None where the payload ends before the VP8 data begins, or has a TL0PICIDX without a temporal id.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let layout = Layout::of(payload)?;
        let first = *payload.first()?;
        let start_of_frame = first & S != 0 && first & PID == 0;
        let byte = |at: usize| payload.get(at).copied();
        let (picture_id, long_picture_id) = match layout.picture_id {
            None => (None, false),
            Some((at, false)) => (Some(u16::from(byte(at)?)), false),
            Some((at, true)) => (Some(u16::from_be_bytes([byte(at)? & !M, byte(at + 1)?])), true),
        };
        let tl0_pic_idx = match layout.tl0_pic_idx {
            None => None,
            Some(at) => Some(byte(at)?),
        };
        let last = layout.temporal.map_or(Some(0), byte)?;
        Some(Self {
            picture_id,
            long_picture_id,
            tl0_pic_idx,
            temporal_id: layout.has_temporal_id.then_some(last >> 6),
            layer_sync: layout.has_temporal_id && last & Y != 0,
            key_idx: layout.has_key_idx.then_some(last & KEYIDX),
            start_of_frame,
            key_frame: start_of_frame && byte(layout.data)? & P == 0,
        })
    }
}

/// The head of a simulated encoder's packet: a descriptor with a 15-bit picture id, TL0PICIDX and temporal layer 0, and the first byte of the VP8 data, which is the
/// payload header's where `start` is true. The temporal id is there because receivers (str0m, for one) refuse a TL0PICIDX without.
pub const fn head(start: bool, key_frame: bool, picture_id: u16, tl0_pic_idx: u8) -> [u8; HEAD_BYTES] {
    layered_head(start, key_frame, Picture { picture_id, tl0_pic_idx }, 0, false)
}

/// The same for a picture of temporal layer `temporal_id`, of which two bits are written; with `layer_sync`, of one that rests on the base layer alone.
pub const fn layered_head(start: bool, key_frame: bool, picture: Picture, temporal_id: u8, layer_sync: bool) -> [u8; HEAD_BYTES] {
    let [high, low] = picture.picture_id.to_be_bytes();
    let first = if start { X | S } else { X };
    let temporal = (temporal_id << 6) | if layer_sync { Y } else { 0 };
    let header = if key_frame { 0 } else { P };
    [first, I | L | T, M | high, low, picture.tl0_pic_idx, temporal, header]
}

/// Bytes of [`head`].
pub const HEAD_BYTES: usize = 7;

/// Writes the numbers of `picture` into the descriptor at the head of `payload`, each where the descriptor has room for it. False, and nothing changed, where
/// [`Descriptor::parse`] finds no descriptor.
pub fn rewrite(payload: &mut [u8], picture: Picture) -> bool {
    let Some(layout) = Layout::of(payload) else { return false };
    let [high, low] = picture.picture_id.to_be_bytes();
    match layout.picture_id {
        None => {}
        Some((at, false)) => payload[at] = low & !M,
        Some((at, true)) => {
            payload[at] = high | M;
            payload[at + 1] = low;
        }
    }
    if let Some(at) = layout.tl0_pic_idx {
        payload[at] = picture.tl0_pic_idx;
    }
    true
}

/// Where the parts of a descriptor stand, in bytes from the start of the payload. All of them lie within it.
struct Layout {
    /// The picture id, and whether it takes two bytes.
    picture_id: Option<(usize, bool)>,
    tl0_pic_idx: Option<usize>,
    /// The byte that temporal id and key index share.
    temporal: Option<usize>,
    has_temporal_id: bool,
    has_key_idx: bool,
    /// The first byte of the VP8 data.
    data: usize,
}

impl Layout {
    fn of(payload: &[u8]) -> Option<Self> {
        let mut layout = Self { picture_id: None, tl0_pic_idx: None, temporal: None, has_temporal_id: false, has_key_idx: false, data: 1 };
        if payload.first()? & X != 0 {
            let extension = *payload.get(1)?;
            layout.data = 2;
            layout.has_temporal_id = extension & T != 0;
            layout.has_key_idx = extension & K != 0;
            if extension & L != 0 && !layout.has_temporal_id {
                return None;
            }
            if extension & I != 0 {
                let long = payload.get(layout.data)? & M != 0;
                layout.picture_id = Some((layout.data, long));
                layout.data += 1 + usize::from(long);
            }
            if extension & L != 0 {
                layout.tl0_pic_idx = Some(layout.data);
                layout.data += 1;
            }
            if layout.has_temporal_id || layout.has_key_idx {
                layout.temporal = Some(layout.data);
                layout.data += 1;
            }
        }
        (layout.data < payload.len()).then_some(layout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_descriptor_tells_only_where_pictures_start() {
        let key = Descriptor::parse(&[0x10, 0x50]).expect("one byte, and the payload header");
        assert_eq!(key, Descriptor { start_of_frame: true, key_frame: true, ..Descriptor::default() });
        let delta = Descriptor::parse(&[0x10, 0x51]).expect("the same with P set");
        assert!(delta.start_of_frame && !delta.key_frame);
        let inside = Descriptor::parse(&[0x00, 0x00]).expect("no start");
        assert!(!inside.start_of_frame && !inside.key_frame);
        let partition = Descriptor::parse(&[0x11, 0x00]).expect("the start of the second partition");
        assert!(!partition.start_of_frame && !partition.key_frame);
    }

    #[test]
    fn picture_ids_have_7_or_15_bits() {
        let short = Descriptor::parse(&[0x90, 0x80, 0x11, 0x00]).expect("a short id");
        assert_eq!((short.picture_id, short.long_picture_id), (Some(0x11), false));
        let long = Descriptor::parse(&[0x90, 0x80, 0xff, 0xfe, 0x00]).expect("a long id");
        assert_eq!((long.picture_id, long.long_picture_id), (Some(0x7ffe), true));
    }

    #[test]
    fn temporal_id_sync_and_key_index_share_a_byte() {
        let all = Descriptor::parse(&[0xb0, 0xf0, 0x05, 0x21, 0b1010_0111, 0x01]).expect("everything is there");
        let expected = Descriptor {
            picture_id: Some(5),
            tl0_pic_idx: Some(0x21),
            temporal_id: Some(2),
            layer_sync: true,
            key_idx: Some(7),
            start_of_frame: true,
            ..Descriptor::default()
        };
        assert_eq!(all, expected);
        // Without T the temporal bits mean nothing.
        let key_idx_only = Descriptor::parse(&[0x90, 0x10, 0xff, 0x01]).expect("K alone");
        assert_eq!((key_idx_only.temporal_id, key_idx_only.layer_sync, key_idx_only.key_idx), (None, false, Some(31)));
    }

    #[test]
    fn what_ends_before_the_data_is_no_descriptor() {
        let whole = [0x90, 0xf0, 0x80, 0x05, 0x21, 0x07, 0x00];
        assert!(Descriptor::parse(&whole).is_some());
        for len in 0..whole.len() {
            assert_eq!(Descriptor::parse(&whole[..len]), None, "cut to {len} bytes");
        }
        assert_eq!(Descriptor::parse(&[0x90, 0x40, 0x21, 0x00, 0x00]), None, "TL0PICIDX without a temporal id");
    }

    #[test]
    fn a_simulated_encoders_head_says_what_it_was_told() {
        for (start, key_frame) in [(true, true), (true, false), (false, false)] {
            let descriptor = Descriptor::parse(&head(start, key_frame, 0x7abc, 0x21)).expect("a whole head");
            let told =
                (descriptor.start_of_frame, descriptor.key_frame, descriptor.picture_id, descriptor.tl0_pic_idx, descriptor.temporal_id);
            assert_eq!(told, (start, key_frame, Some(0x7abc), Some(0x21), Some(0)));
        }
    }

    #[test]
    fn rewriting_keeps_widths_and_all_else() {
        let picture = Picture { picture_id: 0x1234, tl0_pic_idx: 0x99 };
        let mut long = head(true, false, 0x7fff, 1);
        assert!(rewrite(&mut long, picture));
        assert_eq!(long, head(true, false, 0x1234, 0x99));
        let mut short = [0x90, 0x80, 0x11, 0x55];
        assert!(rewrite(&mut short, picture));
        assert_eq!(short, [0x90, 0x80, 0x34, 0x55]);
        let mut bare = [0x10, 0x55];
        assert!(rewrite(&mut bare, picture));
        assert_eq!(bare, [0x10, 0x55]);
        assert!(!rewrite(&mut [0x90, 0x80], picture));
    }
}
