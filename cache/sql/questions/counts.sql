-- How many phrases are kept in each slot, and how long are they?
select
    d.slot,
    count(*) as descriptors,
    count(distinct d.text_id) as texts,
    round(avg(len(string_split(t.text, ' '))), 1) as words,
    max(t.n_chars) as longest_chars
from descriptors d
join texts t using (text_id)
where d.rejected = ''
group by d.slot
order by descriptors desc, d.slot
