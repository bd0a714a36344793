-- Tables give nothing to everybody by themselves; functions do.
REVOKE ALL ON FUNCTION make_month, make_months, refuse_change FROM PUBLIC;
REVOKE ALL ON FUNCTION budget_factor, budget_lower, budget_step, budget_crashed, budget_visited, budget_reserve,
    budget_tell, budget_struck, budget_strike, budget_got_through, budget_ease, budget_eased, budget_open, failure_cause, event_id FROM PUBLIC;
