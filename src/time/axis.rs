use super::*;
pub(crate) type Tick = i32;
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    calendar: Calendar,
}
impl Axis {
    pub(crate) fn tick_of(&self, at: Micros) -> Tick {
        self.calendar.span_of(at).day
    }
    pub(crate) fn start(&self, tick: Tick) -> Micros {
        self.calendar.span(tick).start
    }
}
