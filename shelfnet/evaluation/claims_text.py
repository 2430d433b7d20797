"""The claims of the paper in words."""

from collections.abc import Mapping, Sequence

from shelfnet.evaluation.claims import POWER, Outcome, TestedClaim, contrast_text

CLAIMS_NOTE = (
    "Effects are contrasts of means over objects and training runs. Their 95 % intervals are those of Student's t"
    " distribution with a bootstrap standard error. P values are adjusted over all claims by Holm's method. The"
    f" detectable effect is the smallest that this study would detect with a probability of {POWER:.0%}. No change"
    " means a difference within 5 % of the mean of `base`, by two one-sided tests."
)


def claim_sentences(tested: Sequence[TestedClaim], memory_exponents: Mapping[str, float]) -> list[str]:
    """One text per claim: the claim, its outcome and the numbers behind it."""
    return [*map(_sentence, tested), *_memory_sentence(memory_exponents)]


def _sentence(tested: TestedClaim) -> str:
    claim, effect = tested.claim, tested.effect
    lead = f"({claim.key}) {claim.statement} **{tested.outcome.value.capitalize()}**"
    contrast = f"`{claim.metric}` of {contrast_text(claim)}"
    if tested.outcome is Outcome.UNTESTED:
        if tested.runs == 0:
            return f"{lead}: it needs the ablations {', '.join(claim.weights)}."
        return f"{lead}: {contrast} is {effect.estimate:+.4f}, and one run of an ablation has no standard error."
    numbers = f"{effect.estimate:+.4f} [{effect.low:+.4f}, {effect.high:+.4f}]"
    study = f"at least {tested.runs} runs each, adjusted p {tested.adjusted_p:.3f}"
    if tested.outcome is Outcome.OPEN:
        study += f"; this study would detect effects from {tested.detectable:.4f}"
    return f"{lead}: {contrast} is {numbers} ({study})."


def _memory_sentence(exponents: Mapping[str, float]) -> list[str]:
    if not {"triplane", "voxel"} <= exponents.keys():
        return []
    confirmed = exponents["triplane"] < 2.25 and exponents["voxel"] > 2.75
    outcome = Outcome.CONFIRMED if confirmed else Outcome.CONTRADICTED
    return [
        "(f) Tri-planes save memory, as O(N²) instead of O(N³)."
        f" **{outcome.value.capitalize()}**: the field's memory grows as N to the power of {exponents['triplane']:.2f}"
        f" for tri-planes and {exponents['voxel']:.2f} for voxel grids, measured at the two largest N."
    ]
