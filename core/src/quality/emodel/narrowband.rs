//! G.107 (06/2015) in full: clause 7, with its default values and permitted ranges (Table 2).

use super::{Equipment, NARROWBAND_RANGE, mos, pure_delay};

/// The inputs of the E-model, by the recommendation's own names, which stand in [`PARAMETERS`] with units, defaults and ranges. The default is a call with nothing wrong but what every call has.
///
/// ```
/// use greenroom_core::quality::emodel::Narrowband;
///
/// let call = Narrowband { one_way_ms: 400.0, talker_echo_ms: 400.0, round_trip_ms: 800.0, ..Narrowband::default() };
/// assert_eq!(format!("{:.1} {:.2}", call.rate().r, call.rate().mos), "62.2 3.22");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Narrowband {
    /// `SLR`: send loudness rating, dB.
    pub send_loudness_db: f64,
    /// `RLR`: receive loudness rating, dB.
    pub receive_loudness_db: f64,
    /// `STMR`: sidetone masking rating, dB: how much the talker hears of himself in the handset.
    pub sidetone_db: f64,
    /// `Ds`: what the sending telephone makes of room noise, dB.
    pub send_d_db: f64,
    /// `Dr`: what the receiving telephone makes of room noise, dB. The listener sidetone rating `LSTR` is `STMR` + `Dr`.
    pub receive_d_db: f64,
    /// `TELR`: talker echo loudness rating, dB.
    pub talker_echo_db: f64,
    /// `WEPL`: weighted echo path loss, dB.
    pub echo_path_loss_db: f64,
    /// `T`: mean one-way delay of the echo path, ms.
    pub talker_echo_ms: f64,
    /// `Tr`: round-trip delay in the four-wire loop, ms.
    pub round_trip_ms: f64,
    /// `Ta`: absolute delay of an echo-free connection, ms.
    pub one_way_ms: f64,
    /// `qdu`: quantization distortion units.
    pub quantization_units: f64,
    /// `Ie`, `Bpl`, `Ppl` and `BurstR`: the codec under loss.
    pub equipment: Equipment,
    /// `Nc`: circuit noise referred to the 0 dBr point, dBm0p.
    pub circuit_noise_dbm0p: f64,
    /// `Nfor`: noise floor at the receiving side, dBmp.
    pub noise_floor_dbmp: f64,
    /// `Ps`: room noise at the sending side, dB(A).
    pub send_room_dba: f64,
    /// `Pr`: room noise at the receiving side, dB(A).
    pub receive_room_dba: f64,
    /// `A`: what users bear for the advantage of being reachable at all: 0 by wire, 20 by satellite (Table 1).
    pub advantage: f64,
    /// `sT`: how sensitive the conversation is to delay (Table 1a): 1 by default, 0.55 and 0.4 for low and very low sensitivity.
    pub delay_sensitivity: f64,
    /// `mT`: the delay that is not noticed, ms: 100 by default, 120 and 150 for low and very low sensitivity.
    pub delay_unnoticed_ms: f64,
}

/// One input of the model, as Table 2 lists it.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// The recommendation's abbreviation.
    pub name: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Its unit; empty for numbers without one.
    pub unit: &'static str,
    /// Its default.
    pub default: f64,
    /// The smallest permitted value.
    pub least: f64,
    /// The largest permitted value.
    pub most: f64,
    /// The clause whose formulas it enters.
    pub clause: &'static str,
    field: fn(&mut Narrowband) -> &mut f64,
}

impl Parameter {
    /// The parameter of that name, the recommendation's capitals included.
    pub fn named(name: &str) -> Option<&'static Self> {
        PARAMETERS.iter().find(|parameter| parameter.name == name)
    }

    /// Its value in a set.
    pub fn of(&self, set: &Narrowband) -> f64 {
        *(self.field)(&mut set.clone())
    }

    /// Puts a value into a set, whether it is permitted or not.
    pub fn put(&self, set: &mut Narrowband, value: f64) {
        *(self.field)(set) = value;
    }

    /// Whether the recommendation permits that value. Outside, its formulas were never held against listeners.
    pub fn permits(&self, value: f64) -> bool {
        (self.least..=self.most).contains(&value)
    }
}

macro_rules! parameters {
    ($($name:literal $what:literal $unit:literal $default:literal $least:literal .. $most:literal $clause:literal $($field:ident).+;)+) => {
        /// Every input with its unit, default and permitted range: Table 2 of G.107 (06/2015), and Table 1a for sT and mT. `Nfor` has one value and no range.
        pub const PARAMETERS: &[Parameter] = &[$(Parameter {
            name: $name, what: $what, unit: $unit, default: $default, least: $least, most: $most, clause: $clause, field: |set| &mut set.$($field).+,
        },)+];
    };
}

parameters! {
    "SLR" "send loudness rating" "dB" 8.0 0.0..18.0 "7.2" send_loudness_db;
    "RLR" "receive loudness rating" "dB" 2.0 -5.0..14.0 "7.2" receive_loudness_db;
    "STMR" "sidetone masking rating" "dB" 15.0 10.0..20.0 "7.3" sidetone_db;
    "Ds" "D-value of the telephone, send side" "dB" 3.0 -3.0..3.0 "7.2" send_d_db;
    "Dr" "D-value of the telephone, receive side" "dB" 3.0 -3.0..3.0 "7.2" receive_d_db;
    "TELR" "talker echo loudness rating" "dB" 65.0 5.0..65.0 "7.4" talker_echo_db;
    "WEPL" "weighted echo path loss" "dB" 110.0 5.0..110.0 "7.4" echo_path_loss_db;
    "T" "mean one-way delay of the echo path" "ms" 0.0 0.0..500.0 "7.4" talker_echo_ms;
    "Tr" "round-trip delay in a four-wire loop" "ms" 0.0 0.0..1000.0 "7.4" round_trip_ms;
    "Ta" "absolute delay in echo-free connections" "ms" 0.0 0.0..500.0 "7.4" one_way_ms;
    "qdu" "quantization distortion units" "" 1.0 1.0..14.0 "7.3" quantization_units;
    "Ie" "equipment impairment factor" "" 0.0 0.0..40.0 "7.5" equipment.impairment;
    "Bpl" "packet-loss robustness factor" "%" 4.3 4.3..40.0 "7.5" equipment.robustness_pct;
    "Ppl" "packet-loss probability" "%" 0.0 0.0..20.0 "7.5" equipment.loss_pct;
    "BurstR" "burst ratio" "" 1.0 1.0..8.0 "7.5" equipment.burst_ratio;
    "Nc" "circuit noise referred to the 0 dBr point" "dBm0p" -70.0 -80.0..-40.0 "7.2" circuit_noise_dbm0p;
    "Nfor" "noise floor at the receive side" "dBmp" -64.0 -64.0..-64.0 "7.2" noise_floor_dbmp;
    "Ps" "room noise at the send side" "dB(A)" 35.0 35.0..85.0 "7.2" send_room_dba;
    "Pr" "room noise at the receive side" "dB(A)" 35.0 35.0..85.0 "7.2" receive_room_dba;
    "A" "advantage factor" "" 0.0 0.0..20.0 "7.6" advantage;
    "sT" "delay sensitivity" "" 1.0 0.4..1.0 "7.4" delay_sensitivity;
    "mT" "minimum perceivable delay" "ms" 100.0 100.0..150.0 "7.4" delay_unnoticed_ms;
}

impl Default for Narrowband {
    fn default() -> Self {
        let mut set = Self {
            send_loudness_db: 0.0,
            receive_loudness_db: 0.0,
            sidetone_db: 0.0,
            send_d_db: 0.0,
            receive_d_db: 0.0,
            talker_echo_db: 0.0,
            echo_path_loss_db: 0.0,
            talker_echo_ms: 0.0,
            round_trip_ms: 0.0,
            one_way_ms: 0.0,
            quantization_units: 0.0,
            equipment: Equipment::CLEAR,
            circuit_noise_dbm0p: 0.0,
            noise_floor_dbmp: 0.0,
            send_room_dba: 0.0,
            receive_room_dba: 0.0,
            advantage: 0.0,
            delay_sensitivity: 0.0,
            delay_unnoticed_ms: 0.0,
        };
        for parameter in PARAMETERS {
            parameter.put(&mut set, parameter.default);
        }
        set
    }
}

/// A rating with the terms that it is the sum of: R = Ro − Is − Id − Ie,eff + A (clause 7.1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parts {
    /// `Ro`: signal to noise.
    pub signal: f64,
    /// `Is`: what comes at the same time as speech: loudness, sidetone, quantizing.
    pub simultaneous: f64,
    /// `Idte`: talker echo.
    pub talker_echo: f64,
    /// `Idle`: listener echo.
    pub listener_echo: f64,
    /// `Idd`: delay as such.
    pub delay: f64,
    /// `Ie,eff`: codec and loss.
    pub equipment: f64,
    /// The transmission rating factor R.
    pub r: f64,
    /// The mean opinion score for it, by [`mos`].
    pub mos: f64,
}

impl Narrowband {
    /// The inputs that lie outside of what the recommendation permits. What they are rated as is its formulas continued, and not its word.
    pub fn outside(&self) -> impl Iterator<Item = &'static Parameter> {
        let set = *self;
        PARAMETERS.iter().filter(move |parameter| !parameter.permits(parameter.of(&set)))
    }

    /// Rates a call. Any inputs are rated, permitted or not; where they have no logarithm, the rating is not a number and the score 1.
    pub fn rate(&self) -> Parts {
        let noise = self.noise();
        // Clause 7.2.
        let signal = 15.0 - 1.5 * (self.send_loudness_db + noise);
        let sidetone = self.sidetone_impairment();
        let simultaneous = self.loudness_impairment(noise) + sidetone + self.quantizing_impairment(signal);
        let (talker_echo, listener_echo) = (self.talker_echo_impairment(noise, sidetone), self.listener_echo_impairment(signal));
        let delay = pure_delay(self.one_way_ms, self.delay_sensitivity, self.delay_unnoticed_ms);
        let equipment = self.equipment.effective(NARROWBAND_RANGE);
        let r = signal - simultaneous - talker_echo - listener_echo - delay - equipment + self.advantage;
        Parts { signal, simultaneous, talker_echo, listener_echo, delay, equipment, r, mos: mos(r) }
    }

    /// `No`: all noise, referred to the 0 dBr point (clause 7.2).
    fn noise(&self) -> f64 {
        let (slr, rlr) = (self.send_loudness_db, self.receive_loudness_db);
        let overall = slr + rlr;
        let send_room =
            self.send_room_dba - slr - self.send_d_db - 100.0 + 0.004 * square(self.send_room_dba - overall - self.send_d_db - 14.0);
        let listener_sidetone = self.sidetone_db + self.receive_d_db;
        let heard_room = self.receive_room_dba + 10.0 * libm::log10(1.0 + power_of_ten((10.0 - listener_sidetone) / 10.0));
        let receive_room = rlr - 121.0 + heard_room + 0.008 * square(heard_room - 35.0);
        let floor = self.noise_floor_dbmp + rlr;
        let sum: f64 = [self.circuit_noise_dbm0p, send_room, receive_room, floor].iter().map(|db| power_of_ten(db / 10.0)).sum();
        10.0 * libm::log10(sum)
    }

    /// `Iolr`: a connection that is too loud (clause 7.3).
    fn loudness_impairment(&self, noise: f64) -> f64 {
        let x = (self.send_loudness_db + self.receive_loudness_db + 0.2 * (64.0 + noise - self.receive_loudness_db)) / 8.0;
        20.0 * (libm::pow(1.0 + libm::pow(x, 8.0), 1.0 / 8.0) - x)
    }

    /// `Ist`: sidetone that is too loud or too faint (clause 7.3).
    fn sidetone_impairment(&self) -> f64 {
        let echo = libm::exp(-self.talker_echo_ms / 4.0) * power_of_ten(-self.talker_echo_db / 10.0);
        let heard = -10.0 * libm::log10(power_of_ten(-self.sidetone_db / 10.0) + echo);
        let bend = |x: f64, sharpness: f64| libm::pow(1.0 + libm::pow(x, sharpness), 1.0 / sharpness);
        12.0 * bend((heard - 13.0) / 6.0, 8.0) - 28.0 * bend((heard + 1.0) / 19.4, 35.0) - 13.0 * bend((heard - 3.0) / 33.0, 13.0) + 29.0
    }

    /// `Iq`: quantizing (clause 7.3).
    fn quantizing_impairment(&self, signal: f64) -> f64 {
        let q = 37.0 - 15.0 * libm::log10(self.quantization_units);
        let g = 1.07 + 0.258 * q + 0.0602 * q * q;
        let (y, z) = ((signal - 100.0) / 15.0 + 46.0 / 8.4 - g / 9.0, 46.0 / 30.0 - g / 40.0);
        15.0 * libm::log10(1.0 + power_of_ten(y) + power_of_ten(z))
    }

    /// `Idte`: the talker's own voice coming back late (clause 7.4).
    fn talker_echo_impairment(&self, noise: f64, sidetone: f64) -> f64 {
        let t = self.talker_echo_ms;
        let masked = self.talker_echo_db - 40.0 * libm::log10((1.0 + t / 10.0) / (1.0 + t / 150.0)) + 6.0 * libm::exp(-0.3 * t * t);
        // Loud sidetone hides echo.
        let masked = if self.sidetone_db < 9.0 { masked + sidetone / 2.0 } else { masked };
        let (without, with) = (-1.5 * (noise - self.receive_loudness_db), 80.0 + 2.5 * (masked - 14.0));
        let half = (without - with) / 2.0;
        let impairment = (half + libm::sqrt(half * half + 100.0) - 1.0) * (1.0 - libm::exp(-t));
        // Faint sidetone adds to it.
        if self.sidetone_db > 20.0 { libm::sqrt(square(impairment) + square(sidetone)) } else { impairment }
    }

    /// `Idle`: the other's voice coming twice (clause 7.4).
    fn listener_echo_impairment(&self, signal: f64) -> f64 {
        let rating = 10.5 * (self.echo_path_loss_db + 7.0) * libm::pow(self.round_trip_ms + 1.0, -0.25);
        let half = (signal - rating) / 2.0;
        half + libm::sqrt(half * half + 169.0)
    }
}

fn power_of_ten(exponent: f64) -> f64 {
    libm::pow(10.0, exponent)
}

fn square(x: f64) -> f64 {
    x * x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_with_nothing_wrong_rates_as_the_recommendation_prints() {
        // Clause 7.7: "a calculation with all parameter values set to the default results in a very high quality with a rating factor of R = 93.2".
        let default = Narrowband::default().rate();
        assert!((default.r - 93.2).abs() < 0.05, "{default:?}");
        assert_eq!(Narrowband::default().outside().count(), 0, "defaults are permitted");
    }

    #[test]
    fn every_parameter_has_its_field_and_matters_or_is_at_its_best() {
        for parameter in PARAMETERS {
            let mut set = Narrowband::default();
            assert!((parameter.of(&set) - parameter.default).abs() < f64::EPSILON, "{}", parameter.name);
            let other = if (parameter.most - parameter.default).abs() > 0.0 { parameter.most } else { parameter.least };
            parameter.put(&mut set, other);
            assert!((parameter.of(&set) - other).abs() < f64::EPSILON);
            // How loss and delay are borne makes no difference where there are none, and the noise floor has one value.
            let dormant = ["Bpl", "BurstR", "sT", "mT", "Nfor"].contains(&parameter.name);
            assert_eq!((set.rate().r - Narrowband::default().rate().r).abs() > 1e-9, !dormant, "{}", parameter.name);
        }
    }

    #[test]
    fn what_makes_a_call_worse_never_makes_it_rate_better() {
        // Of the talker echo only from 10 ms on: an echo that comes sooner is sidetone, of which the formulas want some.
        for (name, from) in [("Ta", 0.0), ("T", 10.0), ("Tr", 0.0), ("Ppl", 0.0), ("Ie", 0.0), ("qdu", 1.0)] {
            let parameter = Parameter::named(name).expect("it is one");
            let mut set =
                Narrowband { equipment: Equipment { loss_pct: 1.0, ..Equipment::CLEAR }, talker_echo_db: 40.0, ..Narrowband::default() };
            let mut last = f64::INFINITY;
            for step in 0..=1000 {
                parameter.put(&mut set, from + (parameter.most - from) * f64::from(step) / 1000.0);
                let r = set.rate().r;
                assert!(r <= last + 1e-9, "{name} = {}: {r} after {last}", parameter.of(&set));
                last = r;
            }
        }
    }

    #[test]
    fn a_long_delay_costs_less_where_it_is_less_noticed() {
        let costs = [(1.0, 100.0), (0.55, 120.0), (0.4, 150.0)].map(|(sensitivity, least)| pure_delay(300.0, sensitivity, least));
        assert!(costs[0] > costs[1] && costs[1] > costs[2] && costs[2] >= 0.0, "{costs:?}");
    }
}
