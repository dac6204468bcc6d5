"""Words that decide, where the model only weighs: denials, conditions, days, what stands for cost or carbon."""


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


def sayings(text: str) -> tuple[str, ...]:
    """Its phrases, which commas part."""
    return tuple(text.split(", "))


NEGATIVE = words("not never no nor nothing nobody none without avoid stop neither noone")
# Needed beside what the model says, so that one look-alike does not pass: of a deadline, a budget, quiet hours, never.
READY = words(
    "full fully charged charge charging ready done finished finish finishes hot complete completed completely through "
    "over clean dry filled fill filtered top topped loaded load run emptied deadline recharged warm warmed heated job"
)
CAPPING = words(
    "most max maximum limit limits limited cap capped budget under below within more less over exceed exceeds afford "
    "tops up only have keep stay higher above"
)
QUIET_CUES = words(
    "quiet quietly silent silence rest rests off peace sleep sleeps asleep nap naps napping siesta hush still pause "
    "pauses out sleeping resting shut forbidden banned"
)
NEVER_CUES = words(
    "hands fingers alone ignore always stays untouched away limits myself exclude taboo sacred mine on forbidden be "
    "leave us without me"
)
SWITCHING = words(
    "switch switched switches switching turn turned turning touch touched touches touching control controlled shut "
    "cut stop interrupt interrupted disconnect mess interfere meddle off dare hands fingers away power on be alone "
    "limits fiddle play me us"
)
PERIODS = {"day": "day", "daily": "day", "week": "week", "weekly": "week", "month": "month", "monthly": "month"}
PERIODS |= {"days": "day", "weeks": "week", "months": "month"}
PERIODS |= dict.fromkeys(("year", "yearly", "hour", "hourly", "annually", "quarter", "kwh", "annual", "night"), "")
COST = words(
    "cost costs money price prices bill bills cheap cheaper cheapest cheaply wallet expensive tariff savings "
    "expenses spending economical thrifty frugal cash pay paying euros spend dearer costly budget"
)
CARBON = words(
    "carbon climate green greener greenest clean cleaner cleanest emissions emission environment environmental "
    "environmentally planet footprint eco renewable renewables nature ecological sustainable sustainability sun solar "
    "wind dirty"
)
COMPARING = words("before over than first")
DISMISSED = sayings(
    "do not care what it, not care what it, not care what, not matter what it, not care how much it, "
    "do not care about, do not care much about, never mind, do not mind, not care about, even if it is, "
    "even if it, whatever it, whatever the, no matter what it, no matter the, regardless of, rather than, "
    "do not care if it is, do not care if it, do not worry about, not important, forget about, forget, not, "
    "instead of, does not matter, even when it is, even if that is, even if that, no matter how, how much it"
)
WORTH_MORE = sayings(
    "pay more, paying more, pay a bit more, pay extra, paying extra, cost more, costs more, more expensive, "
    "spend more, pay a little more, pay a bit extra, paying a bit extra, paying a bit more"
)
READINGS, FORECAST, PREFERENCES = "readings", "forecast", "preferences"
WHATS = dict.fromkeys(("reading", "readings", "meter", "consumption", "usage", "measurements", "figures"), READINGS)
WHATS |= dict.fromkeys(("forecast", "forecasts", "prediction", "predictions"), FORECAST)
WHATS |= dict.fromkeys(("preference", "preferences", "wishes", "settings"), PREFERENCES)
WHO = dict.fromkeys(("neighbour", "neighbours", "neighbor", "neighbors", "community", "neighbourhood"), "neighbours")
WHO |= dict.fromkeys(("operator", "utility", "dso"), "operator")
ALLOWING = words(
    "share sharing shared may can could let give send show tell pass fine ok okay allow allowed permit agree see have "
    "read know get only for to with right"
)
PRIVATE = words("private secret confidential myself ourselves withhold hide")
HEAT = words("heat heated heats heating warm warmer hot hotter cold colder cool cooler temperature temperatures")
ROOM_C = (5, 35)
# What cannot be said to the agent, whatever it is about.
CONDITIONS = words("if unless except when whenever while depending otherwise provided once")
POLITE_CONDITIONS = sayings(
    "when in doubt, if in doubt, "
    "if possible, when possible, whenever possible, wherever possible, if you can, if you could, if you like, "
    "if you would, it if, nice if, great if, good if, glad if, grateful if, happy if, if you please, "
    "if at all possible, even if, if i may, where possible, when i leave, when i come, when we come, "
    "when i return, when i am back, when i wake, when we wake, when i get, when we leave, when i go, when we go, "
    "when i drive, when i start, when i get up"
)
UNCARING = sayings(
    "care when, care much when, mind when, whenever, when everything else, matter when, matter if, mind if, care if"
)
NEEDLESS = sayings("not have to, not need, need not, no need, not necessary, not required, no longer, any longer")
DAYS = words(
    "monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays "
    "sundays weekend weekends weekday weekdays workday workdays holiday holidays christmas easter january february "
    "april june july august september october november december winter summer spring autumn vacation"
)
PAST = words("yesterday ago was were had did ended")
NOW = words("now immediately instantly asap")
STRANGERS = words(
    "oven stove tv television telly kettle router wifi sauna microwave toaster computer pc laptop printer garage "
    "mower lawnmower hairdryer conditioner conditioning ac aircon fan hob cooker iron vacuum robot bike ebike scooter "
    "jacuzzi whirlpool hottub tub camera alarm xbox playstation speaker radio humidifier dehumidifier greenhouse "
    "terrarium fireplace coffee blinds shutters doorbell door window guitar drums piano motorbike caravan camper boat "
    "cellar grill barbecue cinema server servers lift elevator treadmill"
)
VAGUE_TIMES = words("breakfast dinner lunch lunchtime bedtime sunrise sunset dawn dusk supper")
OF_LABEL: dict[str, frozenset[str]] = {
    "weight cost": COST | CARBON,
    "weight carbon": COST | CARBON,
    "quiet": QUIET_CUES,
    "share": frozenset(WHATS) | frozenset(WHO),
    "never": NEVER_CUES | SWITCHING,
    "comfort": HEAT,
    "budget": frozenset(PERIODS),
}
_SETS: tuple[frozenset[str], ...] = (
    NEGATIVE,
    READY,
    CAPPING,
    QUIET_CUES,
    NEVER_CUES,
    SWITCHING,
    COST,
    CARBON,
    ALLOWING,
    PRIVATE,
    HEAT,
    CONDITIONS,
)
_SETS += (DAYS, PAST, NOW, STRANGERS, VAGUE_TIMES)
ALL = frozenset().union(PERIODS, WHATS, WHO, *_SETS, *(phrase.split() for phrase in DISMISSED + POLITE_CONDITIONS))
