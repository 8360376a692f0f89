//! The numbers of a picture in a VP8 payload descriptor, put in their places of a word at once: for every viewer of a packet.

use greenroom_core::vp8::Descriptor;

use super::{
    super::{Payload, Vp8Rewrite},
    wire::BEGINNING_BYTES,
};

/// The first eight bytes of a payload as a number that begins with the first one; as many as there are.
#[inline]
pub(super) fn beginning(payload: &Payload) -> u64 {
    let mut bytes = [0; BEGINNING_BYTES];
    if let Some((few, _)) = payload.few() {
        bytes.copy_from_slice(&few[..BEGINNING_BYTES]);
    } else {
        let known = payload.len().min(BEGINNING_BYTES);
        bytes[..known].copy_from_slice(&payload[..known]);
    }
    u64::from_le_bytes(bytes)
}

/// Where a VP8 payload descriptor (RFC 7741 section 4.2) has a picture id and a TL0PICIDX, to put others there. They lie within the first five bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct PictureNumbers {
    /// The beginning of the payload without them.
    rest: u64,
    /// Whether the picture id has 15 bits.
    is_long: bool,
    /// Where the fields are that there are, as bits of the whole.
    id_mask: u64,
    tl0_mask: u64,
    /// How far up the TL0PICIDX begins.
    tl0_shift: u32,
}

impl PictureNumbers {
    /// Bits below the picture id: two bytes are before it.
    const ID_SHIFT: u32 = 16;
    /// M: set before a picture id of 15 bits.
    const LONG: u16 = 0x8000;

    pub(super) fn of(payload: &[u8], beginning: u64) -> Self {
        let descriptor = Descriptor::parse(payload);
        let has = |has: fn(&Descriptor) -> bool| descriptor.as_ref().is_some_and(has);
        let (has_id, is_long) = (has(|descriptor| descriptor.picture_id.is_some()), has(|descriptor| descriptor.long_picture_id));
        let id_bits = 8 * (u32::from(has_id) + u32::from(is_long));
        let tl0_shift = Self::ID_SHIFT + id_bits;
        let id_mask = ((1 << id_bits) - 1) << Self::ID_SHIFT;
        let tl0_mask = if has(|descriptor| descriptor.tl0_pic_idx.is_some()) { 0xff << tl0_shift } else { 0 };
        Self { rest: beginning & !(id_mask | tl0_mask), is_long, id_mask, tl0_mask, tl0_shift }
    }

    /// The beginning of the payload with these numbers, each where there is room for it.
    #[inline]
    pub(super) fn with(&self, rewrite: Vp8Rewrite) -> u64 {
        let Vp8Rewrite { picture_id, tl0_pic_idx } = rewrite;
        // What comes first lies lowest, and the higher byte of a long picture id comes first.
        let id = if self.is_long { (picture_id | Self::LONG).swap_bytes() } else { picture_id & 0x7f };
        self.rest | u64::from(id) << Self::ID_SHIFT & self.id_mask | u64::from(tl0_pic_idx) << self.tl0_shift & self.tl0_mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_is_rewritten_where_it_has_fields() {
        let rewrite = Vp8Rewrite { picture_id: 0x1234, tl0_pic_idx: 9 };
        let rewritten = |payload: &[u8]| {
            let bytes = PictureNumbers::of(payload, beginning(&payload.into())).with(rewrite).to_le_bytes();
            bytes[..payload.len()].to_vec()
        };
        assert_eq!(rewritten(&[0x90, 0xE0, 0x80, 1, 2, 0, 3]), [0x90, 0xE0, 0x92, 0x34, 9, 0, 3], "long picture id and TL0PICIDX");
        assert_eq!(rewritten(&[0x90, 0xE0, 5, 2, 0, 3]), [0x90, 0xE0, 0x34, 9, 0, 3], "short picture id and TL0PICIDX");
        assert_eq!(rewritten(&[0x90, 0x80, 5, 3]), [0x90, 0x80, 0x34, 3], "short picture id alone");
        assert_eq!(rewritten(&[0x90, 0x60, 5, 0, 3]), [0x90, 0x60, 9, 0, 3], "TL0PICIDX alone");
        assert_eq!(rewritten(&[0x90, 0x20, 0, 3]), [0x90, 0x20, 0, 3], "neither");
        assert_eq!(rewritten(&[0x10, 0xE0, 0x80, 1]), [0x10, 0xE0, 0x80, 1], "no extension");
        assert_eq!(rewritten(&[0x90, 0xC0, 5, 2, 3]), [0x90, 0xC0, 5, 2, 3], "no descriptor: a TL0PICIDX wants a temporal layer");
        for len in 0..3 {
            rewritten(&[0x90, 0xE0, 0x80][..len]);
        }
    }
}
