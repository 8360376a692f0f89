//! The E-model between the published vectors: twenty thousand calls anywhere in the permitted ranges, rated by `quality::emodel` and by the formulas of G.107 (06/2015) clause 7 written down once more, in the order and with the
//! names of the recommendation, in std's floats. Nothing is shared between the two but the text that they are from.

#![expect(non_snake_case, reason = "the recommendation's own names")]

use greenroom_core::{
    quality::emodel::{self, Equipment, Fullband, Narrowband, PARAMETERS, Wideband},
    rng::Rng,
};

const CALLS: usize = 20_000;

/// The inputs of Table 2, by name.
#[derive(Clone, Copy, Debug, Default)]
struct Inputs {
    SLR: f64,
    RLR: f64,
    STMR: f64,
    Ds: f64,
    Dr: f64,
    TELR: f64,
    WEPL: f64,
    T: f64,
    Tr: f64,
    Ta: f64,
    qdu: f64,
    Ie: f64,
    Bpl: f64,
    Ppl: f64,
    BurstR: f64,
    Nc: f64,
    Nfor: f64,
    Ps: f64,
    Pr: f64,
    A: f64,
    sT: f64,
    mT: f64,
}

impl Inputs {
    fn put(&mut self, name: &str, value: f64) {
        *match name {
            "SLR" => &mut self.SLR,
            "RLR" => &mut self.RLR,
            "STMR" => &mut self.STMR,
            "Ds" => &mut self.Ds,
            "Dr" => &mut self.Dr,
            "TELR" => &mut self.TELR,
            "WEPL" => &mut self.WEPL,
            "T" => &mut self.T,
            "Tr" => &mut self.Tr,
            "Ta" => &mut self.Ta,
            "qdu" => &mut self.qdu,
            "Ie" => &mut self.Ie,
            "Bpl" => &mut self.Bpl,
            "Ppl" => &mut self.Ppl,
            "BurstR" => &mut self.BurstR,
            "Nc" => &mut self.Nc,
            "Nfor" => &mut self.Nfor,
            "Ps" => &mut self.Ps,
            "Pr" => &mut self.Pr,
            "A" => &mut self.A,
            "sT" => &mut self.sT,
            "mT" => &mut self.mT,
            other => panic!("{other} is not in Table 2"),
        } = value;
    }

    /// R, by formulas 7-1 to 7-29.
    fn R(&self) -> f64 {
        let Self { SLR, RLR, STMR, Ds, Dr, TELR, WEPL, T, Tr, Ta, qdu, Ie, Bpl, Ppl, BurstR, Nc, Nfor, Ps, Pr, A, sT, mT } = *self;
        let OLR = SLR + RLR;

        // 7.2: basic signal-to-noise ratio.
        let Nos = Ps - SLR - Ds - 100.0 + 0.004 * (Ps - OLR - Ds - 14.0).powi(2);
        let LSTR = STMR + Dr;
        let Pre = Pr + 10.0 * (1.0 + 10_f64.powf((10.0 - LSTR) / 10.0)).log10();
        let Nor = RLR - 121.0 + Pre + 0.008 * (Pre - 35.0).powi(2);
        let Nfo = Nfor + RLR;
        let No = 10.0 * (10_f64.powf(Nc / 10.0) + 10_f64.powf(Nos / 10.0) + 10_f64.powf(Nor / 10.0) + 10_f64.powf(Nfo / 10.0)).log10();
        let Ro = 15.0 - 1.5 * (SLR + No);

        // 7.3: simultaneous impairments.
        let Xolr = OLR + 0.2 * (64.0 + No - RLR);
        let Iolr = 20.0 * ((1.0 + (Xolr / 8.0).powi(8)).powf(0.125) - Xolr / 8.0);
        let STMRo = -10.0 * (10_f64.powf(-STMR / 10.0) + (-T / 4.0).exp() * 10_f64.powf(-TELR / 10.0)).log10();
        let Ist = 12.0 * (1.0 + ((STMRo - 13.0) / 6.0).powi(8)).powf(1.0 / 8.0)
            - 28.0 * (1.0 + ((STMRo + 1.0) / 19.4).powi(35)).powf(1.0 / 35.0)
            - 13.0 * (1.0 + ((STMRo - 3.0) / 33.0).powi(13)).powf(1.0 / 13.0)
            + 29.0;
        let Q = 37.0 - 15.0 * qdu.log10();
        let G = 1.07 + 0.258 * Q + 0.0602 * Q.powi(2);
        let Y = (Ro - 100.0) / 15.0 + 46.0 / 8.4 - G / 9.0;
        let Z = 46.0 / 30.0 - G / 40.0;
        let Iq = 15.0 * (1.0 + 10_f64.powf(Y) + 10_f64.powf(Z)).log10();
        let Is = Iolr + Ist + Iq;

        // 7.4: delay and echo. Sidetone is permitted from 10 to 20 dB, between the two special cases of the clause.
        assert!((9.0..=20.0).contains(&STMR));
        let TERV = TELR - 40.0 * ((1.0 + T / 10.0) / (1.0 + T / 150.0)).log10() + 6.0 * (-0.3 * T.powi(2)).exp();
        let Re = 80.0 + 2.5 * (TERV - 14.0);
        let Roe = -1.5 * (No - RLR);
        let Idte = ((Roe - Re) / 2.0 + ((Roe - Re).powi(2) / 4.0 + 100.0).sqrt() - 1.0) * (1.0 - (-T).exp());
        let Rle = 10.5 * (WEPL + 7.0) * (Tr + 1.0).powf(-0.25);
        let Idle = (Ro - Rle) / 2.0 + ((Ro - Rle).powi(2) / 4.0 + 169.0).sqrt();
        let Idd = if Ta <= mT {
            0.0
        } else {
            let X = (Ta / mT).ln() / 2_f64.ln();
            25.0 * ((1.0 + X.powf(6.0 * sT)).powf(1.0 / (6.0 * sT)) - 3.0 * (1.0 + (X / 3.0).powf(6.0 * sT)).powf(1.0 / (6.0 * sT)) + 2.0)
        };
        let Id = Idte + Idle + Idd;

        // 7.5: the codec under loss.
        let Ieeff = Ie + (95.0 - Ie) * Ppl / (Ppl / BurstR + Bpl);

        Ro - Is - Id - Ieeff + A
    }
}

/// Annex B, formula B-4, with the dip below 1 cut off.
fn MOS(R: f64) -> f64 {
    match R {
        R if R <= 0.0 => 1.0,
        R if R >= 100.0 => 4.5,
        R => (1.0 + 0.035 * R + R * (R - 60.0) * (100.0 - R) * 7e-6).max(1.0),
    }
}

/// Anything from `least` to `most`, and now and then one of the two.
fn between(rng: &mut Rng, least: f64, most: f64) -> f64 {
    match rng.below(12) {
        0 => least,
        1 => most,
        #[expect(clippy::cast_precision_loss, reason = "a number of 32 bits")]
        _ => least + (most - least) * rng.below(1 << 32) as f64 / (1_u64 << 32) as f64,
    }
}

#[test]
fn any_permitted_narrowband_call_rates_as_the_formulas_say() {
    let mut rng = Rng::new(107);
    let (mut lowest, mut highest) = (f64::MAX, f64::MIN);
    for call in 0..CALLS {
        let (mut ours, mut inputs) = (Narrowband::default(), Inputs::default());
        for parameter in PARAMETERS {
            // Half of the calls have most at its default, so that each term shows by itself.
            let keep = call % 2 == 0 && rng.below(4) > 0;
            let value = if keep { parameter.default } else { between(&mut rng, parameter.least, parameter.most) };
            parameter.put(&mut ours, value);
            inputs.put(parameter.name, value);
        }
        let (rated, R) = (ours.rate(), inputs.R());
        assert!((rated.r - R).abs() < 1e-7, "{} is not {R} for {inputs:?}", rated.r);
        assert!((rated.mos - MOS(R)).abs() < 1e-7, "{} is not {} at {R}", rated.mos, MOS(R));
        (lowest, highest) = (lowest.min(R), highest.max(R));
    }
    assert!(lowest < -50.0 && highest > 93.0, "calls of every kind: {lowest} to {highest}");
}

#[test]
fn any_wider_call_and_any_shortcut_rates_as_the_formulas_say() {
    let mut rng = Rng::new(1071);
    for _ in 0..CALLS {
        let [Ie, Bpl, Ppl, BurstR] =
            [(0.0, 60.0), (1.0, 40.0), (0.0, 30.0), (1.0, 8.0)].map(|(least, most)| between(&mut rng, least, most));
        let (Ta, A) = (between(&mut rng, 0.0, 800.0), between(&mut rng, 0.0, 20.0));
        let equipment = Equipment { impairment: Ie, robustness_pct: Bpl, loss_pct: Ppl, burst_ratio: BurstR };
        let Idd = if Ta <= 100.0 {
            0.0
        } else {
            let X = (Ta / 100.0).log2();
            25.0 * ((1.0 + X.powi(6)).powf(1.0 / 6.0) - 3.0 * (1.0 + (X / 3.0).powi(6)).powf(1.0 / 6.0) + 2.0)
        };
        // Clauses 7.1 and 7.5 of G.107.1 and G.107.2, at the defaults of everything else, and their Annexes A.
        let wide = 129.0 - Idd - (Ie + (95.0 - Ie) * Ppl / (Ppl / BurstR + Bpl)) + A;
        let full = 148.0 - Idd - (Ie + (132.0 - Ie) * Ppl / (Ppl / BurstR + Bpl)) + A;
        let ours =
            [Wideband { equipment, one_way_ms: Ta, advantage: A }.rate(), Fullband { equipment, one_way_ms: Ta, advantage: A }.rate()];
        for ((ours, R), stretch) in ours.into_iter().zip([wide, full]).zip([1.29, 1.48]) {
            assert!((ours.r - R).abs() < 1e-9, "{} is not {R} for {equipment:?}, {Ta} ms", ours.r);
            assert!((ours.mos - MOS(R / stretch)).abs() < 1e-9, "{} for {R}", ours.mos);
        }
        // Cole and Rosenbluth's fit, with a step function as they print it.
        let H = if Ta > 177.3 { 1.0 } else { 0.0 };
        let R = 93.2 - (0.024 * Ta + 0.11 * (Ta - 177.3) * H) - (Ie + (95.0 - Ie) * Ppl / (Ppl / BurstR + Bpl));
        let short = emodel::simplified(Ta, equipment);
        assert!((short.r - R).abs() < 1e-9, "{} is not {R} for {equipment:?}, {Ta} ms", short.r);
    }
}
