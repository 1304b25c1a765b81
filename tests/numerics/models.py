"""Reference case (JSON) to NSL text: one class a kind of model, one table entry a model. A model that does not exist in
NSL yet has no entry here, and its cases count as skipped. What a case says is mapped field by field; a field that is not
known is an error (fields.py).

Every class gives
  programs(case)   list of (name, NSL text) to run; names key the results
  compare(case, runs, reference_rows)   yields Check rows (see compare.py)
Times are in ms throughout."""
import cells
import compare
import gaps
import networks
import noise
import plastic
import smooth

BY_NAME = {"iaf_psc_exp": cells.IAF_PSC_EXP, "iaf_psc_alpha": cells.IAF_PSC_ALPHA,
                 "iaf_cond_exp": cells.IAF_COND_EXP, "iaf_cond_alpha": cells.IAF_COND_ALPHA,
                 "hh_psc_alpha": cells.HH_PSC_ALPHA, "izhikevich": cells.IZHIKEVICH,
                 "aeif_cond_exp": cells.AEIF_COND_EXP, "aeif_cond_alpha": cells.AEIF_COND_ALPHA,
                 "gif_psc_exp (deterministic limit)": cells.GIF_PSC_EXP,
                 "gif_psc_exp (stochastic)": cells.GIF_PSC_EXP_RATE,
                 "gif_cond_exp (deterministic limit)": cells.GIF_COND_EXP,
                 "mat2_psc_exp": cells.MAT2_PSC_EXP, "hh_cond_exp_traub": cells.HH_COND_EXP,
                 **{name + ": what it sends": rule for name, rule in plastic.SENDS.items()},
                 **{name: cells.glif(name) for name in ("glif1", "glif2", "glif3", "glif4", "glif5")}}
BEGINNINGS = (
    ("Hodgkin-Huxley squid patch", smooth.SquidPatch),
    ("Hodgkin-Huxley 1952", lambda: smooth.HODGKIN_HUXLEY),
    ("Morris-Lecar", lambda: smooth.MORRIS_LECAR),
    ("FitzHugh-Nagumo", lambda: smooth.FITZHUGH_NAGUMO),
    ("Hindmarsh-Rose", lambda: smooth.HINDMARSH_ROSE),
    ("Wang-Buzsaki", lambda: smooth.WANG_BUZSAKI),
    ("Connor-Stevens", lambda: smooth.CONNOR_STEVENS),
    ("Pinsky-Rinzel", lambda: smooth.PINSKY_RINZEL),
    ("cortical cell", lambda: smooth.CORTICAL),
    ("Wilson-Cowan", lambda: smooth.WILSON_COWAN),
    ("Jansen-Rit", lambda: smooth.JANSEN_RIT),
    ("Wong-Wang", lambda: smooth.WONG_WANG),
    ("Montbrio-Pazo-Roxin", lambda: smooth.MONTBRIO),
    ("generic oscillator", lambda: smooth.GENERIC),
    ("Balloon-Windkessel", lambda: smooth.BALLOON),
    ("mass action: calcium buffer and enzyme", lambda: smooth.MASS_ACTION),
    ("passive membrane", smooth.Passive),
    ("postsynaptic potential of one exponential current", lambda: smooth.PSP_EXPONENTIAL),
    ("postsynaptic potential of one alpha current", lambda: smooth.PSP_ALPHA),
    ("leaky integrate-and-fire, constant current", cells.FiringRate),
    ("stochastic processes, stationary statistics", noise.StationaryNoise),
    ("random balanced network of iaf_psc_delta", networks.Brunel),
    ("hh_psc_alpha_gap", gaps.GapPair),
    ("stdp_synapse", plastic.Stdp),
    ("clopath_synapse", plastic.Clopath),
    ("tsodyks2_synapse", plastic.TsodyksMarkram),
    ("CUBA network", lambda: networks.CUBA),
    ("COBA network", lambda: networks.COBA),
)
__all__ = ["model_for", "compare"]


def model_for(case):
    """What runs a case, by its `model` text; None if NSL does not have the model yet."""
    text = case.get("model", "")
    if text in BY_NAME:
        return BY_NAME[text]
    for beginning, make in BEGINNINGS:
        if text.startswith(beginning):
            return make()
    return None
