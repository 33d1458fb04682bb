"""Published cases of methods that the desk does not offer, out of the libraries it stands on."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from quant_samples import acceptance, reference_frame
from statsmodels.stats.multitest import multipletests
from statsmodels.tsa.stattools import grangercausalitytests
from statsmodels.tsa.vector_ar.vecm import VECM


def test_nist_longley_six_regressors():
    data, expected = reference_frame("nist_longley.csv"), acceptance("A2")
    names = [name for name in data.columns if name.upper() not in ("TOTEMP", "OBS")]
    fit = sm.OLS(data["TOTEMP"], sm.add_constant(data[names])).fit()
    np.testing.assert_allclose(fit.params, expected["params"], rtol=1e-7)
    np.testing.assert_allclose(fit.bse, expected["se"], rtol=1e-7)
    assert (fit.rsquared, fit.fvalue) == pytest.approx((expected["r2"], expected["F"]), rel=1e-7)


def test_nist_no_intercept():
    expected = acceptance("A3")
    fit = sm.OLS(np.arange(130.0, 141), np.arange(60.0, 71)).fit()
    got = (fit.params[0], fit.bse[0], fit.rsquared)
    assert got == pytest.approx((expected["beta"], expected["se"], expected["r2_uncentred"]), rel=1e-11)


def test_johansen_and_juselius_restricted_constant_with_seasons():
    expected = acceptance("C6")
    levels = reference_frame("denmark_jj1990.csv")[["lrm", "lry", "ibo", "ide"]]
    fit = VECM(levels, k_ar_diff=1, coint_rank=1, deterministic="ci", seasons=4).fit()
    relation = np.concatenate([fit.beta[:, 0], fit.const_coint[:, 0]])
    np.testing.assert_allclose(relation, expected["beta"], atol=6e-3)


def test_r_granger_causality():
    data, expected = reference_frame("macrodata.csv"), acceptance("C8")["F,p,df"]
    growth = np.diff(np.log(data[["realgdp", "realcons"]]), axis=0)
    found = grangercausalitytests(pd.DataFrame(growth[:, 1::-1]), 2)[2][0]["ssr_ftest"]
    assert found == pytest.approx(expected, rel=1e-5)


def test_durbin_and_koopman_nile():
    expected = acceptance("E1")
    flow = reference_frame("nile.csv").iloc[:, -1].to_numpy(float)
    model = sm.tsa.UnobservedComponents(flow, "local level", use_exact_diffuse=True)
    fit = model.fit(disp=False, method="nm", maxiter=2000)
    # The book leaves out the constant of the one diffuse observation.
    likelihood = model.loglike([expected["sigma_eps2"], expected["sigma_eta2"]]) + np.log(2 * np.pi) / 2
    assert likelihood == pytest.approx(expected["diffuse_loglik"], abs=6e-3)
    np.testing.assert_allclose(fit.params, [expected["sigma_eps2"], expected["sigma_eta2"]], rtol=0.01)


def test_benjamini_and_hochberg():
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1.0,
    ]
    methods = {"BH": "fdr_bh", "Bonferroni": "bonferroni", "Holm": "holm", "BY": "fdr_by"}
    found = {name: int(multipletests(p, 0.05, method)[0].sum()) for name, method in methods.items()}
    assert found == acceptance("E7")
