"""Figures → inline SVG, one file a chart, no plotting library.

Every chart is a function from figures to `Markup`: an `<svg role="img">` with a title and a description,
drawn in CSS classes whose colours the page's style sheet sets for light, dark and print. Meaning never rests
on colour alone: shapes, patterns or numbers say it too.
"""
