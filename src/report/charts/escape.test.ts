import { describe, expect, it } from 'vitest'
import { escapeText, Html, html } from './escape.ts'

describe('html', () => {
  it('escapes values in elements and in quoted attributes, but not what is markup', () => {
    const text = `<b class="x">&'</b>`
    const inner = html`<i>${text}</i>`
    expect(html`<p title="${text}">${inner}${new Html('<hr>')}${3}</p>`.markup).toBe(
      '<p title="&lt;b class=&quot;x&quot;&gt;&amp;&#39;&lt;/b&gt;">' +
        '<i>&lt;b class=&quot;x&quot;&gt;&amp;&#39;&lt;/b&gt;</i><hr>3</p>',
    )
  })

  it('escapes each of a list', () => {
    expect(html`${['<', html`<br>`, '>']}`.markup).toBe('&lt;<br>&gt;')
  })
})

describe('escapeText', () => {
  it('shows that there are signs which XML forbids, or which turn the text around', () => {
    expect(escapeText('a\u0000b\u001b[31mc\u202ed\ud800e\uffff')).toBe(
      'a\ufffdb\ufffd[31mc\ufffdd\ufffde\ufffd',
    )
    expect(escapeText('lines\n\tand 😀')).toBe('lines\n\tand 😀')
  })
})
