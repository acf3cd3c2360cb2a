/** A notebook on a decay, as it stands after it was run; `plot` is its picture, a PNG in base64. */
export const notebook = (plot: string): object => ({
  nbformat: 4,
  nbformat_minor: 5,
  metadata: { kernelspec: { name: 'python3', display_name: 'Python 3 (ipykernel)', language: 'python' } },
  cells: [
    markdown(
      '# Decay of a fluorophore\nIntensity against time, 1,200 samples, with the constant background of the detector.'
    ),
    code(1, 'import numpy as np\nimport pandas as pd\nfrom scipy.optimize import curve_fit'),
    code(
      2,
      'df = pd.read_csv("decay.csv")\nt, y = df["t"].to_numpy(), df["intensity"].to_numpy()\ndf.plot.scatter(x="t", y="intensity", s=3)',
      { 'image/png': plot, 'text/plain': '<Axes>' }
    ),
    code(
      3,
      'def decay(t, amplitude, rate, offset):\n    return amplitude * np.exp(-rate * t) + offset\n\npopt, pcov = curve_fit(decay, t, y)\npcov',
      { 'text/plain': 'array([[inf, inf, inf],\n       [inf, inf, inf],\n       [inf, inf, inf]])' }
    )
  ]
});

function markdown(source: string): object {
  return { cell_type: 'markdown', id: 'title', metadata: {}, source };
}

function code(count: number, source: string, data?: object): object {
  const outputs = data ? [{ output_type: 'execute_result', execution_count: count, metadata: {}, data }] : [];
  return { cell_type: 'code', id: `cell-${count}`, metadata: {}, execution_count: count, source, outputs };
}

/** The picture as SVG: JupyterLab shows that only in notebooks that it trusts. */
export function plot(): string {
  const points = Array.from({ length: 240 }, (_, i) => {
    const t = i / 24;
    const noise = Math.sin(i * 12.9898) * Math.cos(i * 78.233);
    return `<circle cx="${40 + t * 42}" cy="${178 - 148 * Math.exp(-0.48 * t) - 8 * noise}" r="1.6"/>`;
  });
  const axes = '<path d="M40 10V190H470" fill="none" stroke="#888"/>';
  const text = 'font-family="sans-serif" font-size="11" fill="#888"';
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="480" height="214">${axes}<g fill="#1976d2">${points.join('')}</g>` +
    `<text x="250" y="208" ${text}>t</text><text x="4" y="100" ${text} transform="rotate(-90 12 100)">intensity</text></svg>`
  );
}
