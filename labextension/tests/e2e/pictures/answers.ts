import type { FakeModel } from '../fake-ollama';

export const QUESTION = 'Why does curve_fit return inf in the covariance here?';
export const ARABIC = 'كيف أرسم منحنى التحلل الأسي في بايثون؟';

const LONG = String.raw`The fit itself is fine; the **covariance is singular**. ${'`curve_fit`'} estimates it from the Jacobian $J$ at the solution:

$$\operatorname{cov}(\hat\theta) = \hat\sigma^2 \left(J^\top J\right)^{-1}, \qquad \hat\sigma^2 = \frac{1}{n - p} \sum_{i=1}^{n} \bigl(y_i - f(x_i; \hat\theta)\bigr)^2$$

When two parameters do the same thing to the curve, $J^\top J$ has no inverse, and NumPy says *inf*. In your model the amplitude and the offset are nearly that. Two cures:

1. Give it a start that separates them: ${'`p0`'} from the data.
2. Keep the decay rate positive, with ${'`bounds`'}.

${'```'}python
import numpy as np
from scipy.optimize import curve_fit

def decay(t, amplitude, rate, offset):
    return amplitude * np.exp(-rate * t) + offset

p0 = [y.max() - y.min(), 1.0 / t.mean(), y.min()]
popt, pcov = curve_fit(decay, t, y, p0=p0, bounds=([0, 0, -np.inf], np.inf))
print(popt, np.sqrt(np.diag(pcov)))  # values, standard errors
${'```'}

With your 1,200 rows that gives:

| parameter | value | standard error | before |
|---|---:|---:|---:|
| amplitude | 4.92 | 0.03 | inf |
| rate | 0.481 | 0.006 | inf |
| offset | 0.117 | 0.009 | inf |

> If ${'`pcov`'} is still infinite, look at ${'`np.linalg.cond(J)`'}: above $10^8$ the data do not tell the parameters apart.
`;

const ANSWER_ARABIC = `استخدم الدالة \`plot\` من مكتبة **matplotlib**، مع قيم الزمن على المحور الأفقي:

1. احسب القيم بالعلاقة $y = a e^{-kt}$.
2. ارسم النقاط، ثم المنحنى فوقها.

\`\`\`python
plt.plot(t, a * np.exp(-k * t))
\`\`\`
`;

export const MODEL: FakeModel = {
  name: 'llama3.2:latest',
  answer: question => (question === ARABIC ? ANSWER_ARABIC : LONG),
  chunk: 8,
  pause: 4
};

/** The same, slowly, after some thinking. */
export const SLOW: FakeModel = {
  name: 'qwen3:4b',
  answer: () => LONG,
  thinking: 'The covariance matrix is infinite. That happens when the Jacobian has no full rank. '.repeat(2),
  chunk: 8,
  pause: 60
};
