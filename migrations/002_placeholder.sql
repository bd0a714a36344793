-- Nothing. The number is taken by a change that is made elsewhere, and the numbers must have no gaps.
SELECT 1;
